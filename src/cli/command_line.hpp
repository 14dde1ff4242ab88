// From the words of a command line to what its options hold.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"

namespace memtrace {

struct CommandLine {
  enum class Asks : std::uint8_t { to_run, for_help, for_whole_help, for_version };

  const Command* command = nullptr;
  Asks asks = Asks::to_run;
};

// Reads the words as GNU programs do ("-n5", "-rn 5", "--limit=5", "--"), with a command in front,
// and fills in what the command's options point to. Where help or the version is asked for, values
// are neither checked nor filled in.
//
// Throws Error where the line is not understood, one line: what is wrong, what was perhaps meant,
// and where to look.
CommandLine parse_command_line(const std::vector<Command>& commands,
                               std::vector<std::string> words);

}  // namespace memtrace
