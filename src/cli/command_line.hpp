// What to say of a command line that is not understood.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace memtrace {

// The command that was given, or the program itself.
const CLI::App& given_command(const CLI::App& program);

// The first word where a command is expected, if it is none; else empty. The parser would rather
// show the help that is asked for behind it.
std::string unknown_command(const CLI::App& program);

// The first option that is none, or empty: the parser would rather show the help that is asked for
// beside it.
std::string unknown_option(const CLI::App& program);

// What is wrong with letters that are written together ("-v3"), or empty: of an unknown one behind
// a flag, the parser makes an argument where it looks like a number.
std::string letters_error(const CLI::App& program, const std::vector<std::string>& words);

// One line: what is wrong, what was perhaps meant, and where to look.
std::string usage_error(const CLI::App& program, const CLI::ParseError& error);

// The same of a word that is no command.
std::string unknown_command_error(const CLI::App& program, const std::string& word);

std::string unknown_option_error(const CLI::App& program, const std::string& word);

// Of a line without any.
std::string no_command_error();

}  // namespace memtrace
