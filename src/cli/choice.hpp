// Options whose value is one of a few words.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace memtrace {

// Adds "-x,--option WORD", whose value must be one of `choices`; a wrong one is answered with the
// nearest. `value` holds the default.
CLI::Option* add_choice(CLI::App& app, const std::string& names, std::string& value,
                        const std::vector<std::string>& choices, const std::string& description);

// Words that shells offer as the option's value, which may be any other.
CLI::Option* offer(CLI::Option* option, const std::vector<std::string>& words);

// The words that the option was added with, or that are offered; empty where there are none.
std::vector<std::string> choices_of(const CLI::Option& option);

}  // namespace memtrace
