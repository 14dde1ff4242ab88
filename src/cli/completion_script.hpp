// One row for every shell that can complete mtrace's command lines.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/grammar.hpp"

namespace memtrace {

struct CompletedShell {
  const char* name;
  // The script that teaches it, for the shell to read.
  std::string (*script)(const std::vector<GrammarCommand>& grammar);
};

std::span<const CompletedShell> completed_shells();

std::string bash_completion(const std::vector<GrammarCommand>& grammar);
std::string fish_completion(const std::vector<GrammarCommand>& grammar);
std::string zsh_completion(const std::vector<GrammarCommand>& grammar);

}  // namespace memtrace
