// What to say of a command line that is not understood.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace memtrace {

// The command that was given, or the program itself.
const CLI::App& given_command(const CLI::App& program);

// The first word where a command is expected, if it is none; else empty. The parser would rather
// show the help that is asked for behind it.
std::string unknown_command(const CLI::App& program);

// One line: what is wrong, what was perhaps meant, and where to look.
std::string usage_error(const CLI::App& program, const CLI::ParseError& error);

// The same of a word that is no command.
std::string unknown_command_error(const CLI::App& program, const std::string& word);

// Of a line without any.
std::string no_command_error();

}  // namespace memtrace
