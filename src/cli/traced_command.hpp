// The words of the program that `mtrace run` is to trace, which are none of ours: the parser of our
// own words must not look at them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace memtrace {

// In the words of `mtrace run [OPTIONS] [--] PROGRAM [ARGUMENT...]`, makes one of all from the
// program on, behind a "--". Leaves other commands' words alone. Words are in the order in which
// they were typed.
void join_traced_command(const CLI::App& program, std::vector<std::string>& words);

// What was made one.
std::vector<std::string> split_traced_command(const std::string& joined);

}  // namespace memtrace
