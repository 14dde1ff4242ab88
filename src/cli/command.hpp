// One row for every command.
#pragma once

#include <CLI/CLI.hpp>
#include <span>

namespace memtrace {

// Exit statuses that scripts may rely on.
inline constexpr int kExitDone = 0;
inline constexpr int kExitError = 2;

struct Command {
  const char* name;
  const char* summary;
  // Adds the command's options and what it does (as the app's callback).
  void (*add_to)(CLI::App& app);
};

std::span<const Command> commands();

void add_run(CLI::App& app);
void add_snapshot(CLI::App& app);
void add_top(CLI::App& app);
void add_diff(CLI::App& app);
void add_info(CLI::App& app);
void add_convert(CLI::App& app);
void add_merge(CLI::App& app);
void add_symbolize(CLI::App& app);
void add_completion(CLI::App& app);

}  // namespace memtrace
