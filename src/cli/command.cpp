#include <array>

#include "cli/command.hpp"

namespace memtrace {
namespace {

constexpr std::array kCommands = {
    Command{"run", "Trace a program, unchanged", add_run},
    Command{"snapshot", "Have a traced process write a snapshot now", add_snapshot},
    Command{"top", "Where is the memory?", add_top},
    Command{"diff", "What changed between two snapshots?", add_diff},
    Command{"info", "What is this file?", add_info},
    Command{"merge", "Add up the snapshots of many processes", add_merge},
    Command{"convert", "Write any input as mtrace's own format", add_convert},
    Command{"symbolize", "Write a snapshot with lines in place of addresses", add_symbolize},
    Command{"completion", "Print what teaches a shell to complete mtrace's command lines",
            add_completion},
};

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

}  // namespace memtrace
