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

// The words that the option was added with; empty where its value may be anything.
std::vector<std::string> choices_of(const CLI::Option& option);

}  // namespace memtrace
