// What -h and --help print.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"

namespace memtrace {

// A line for each option, so that all of them fit a screen; of the program, a line for each
// command. No line is wider than a terminal is at least.
std::string short_help(const Command& command, const std::vector<Command>& commands);

// Every option with all that the manual says of it.
std::string whole_help(const Command& command, const std::vector<Command>& commands);

// "Usage: mtrace top [OPTIONS] SNAPSHOT" without its first word.
std::string usage_of(const Command& command);

// --- texts of options, for the help and for the manual ---

// What stands between backticks.
enum class Code : std::uint8_t { option, value, page, function, variable, literal };
Code kind_of(const Option& option, std::string_view code);

// What stands in front of an option's details: its summary, which ends in a colon where a list of
// words follows, and the default.
std::string first_sentence(const Option& option);

// "a line of a file (the default)"
std::string meaning_of(const Option& option, const Word& word);

}  // namespace memtrace
