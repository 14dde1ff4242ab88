// What a command line may hold, read off the parser itself, for the shells that complete it.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace memtrace {

// What a value is, so far as a shell can list what it may be.
enum class ValueKind : std::uint8_t {
  none,  // takes no value
  text,  // anything
  word,  // one of a few
  file,
  folder,
  process,  // its id
  program,  // and its arguments
};

struct GrammarOption {
  std::string short_name;  // without dashes; empty where there is none
  std::string long_name;
  std::string summary;
  std::string value_name;
  ValueKind kind = ValueKind::none;
  std::vector<std::string> words;
  bool is_repeatable = false;
};

struct GrammarArgument {
  std::string name;
  ValueKind kind = ValueKind::text;
  std::vector<std::string> words;
  bool is_repeatable = false;
};

struct GrammarCommand {
  std::string name;
  std::string summary;
  std::vector<GrammarOption> options;
  std::vector<GrammarArgument> arguments;
};

// The program itself comes first, with an empty name; its commands follow, `help` as one of them.
std::vector<GrammarCommand> grammar_of(const CLI::App& program);

}  // namespace memtrace
