// The options that select, the same on every command that ranks.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "mtrace/read.hpp"
#include "mtrace/selection.hpp"

namespace memtrace {

// Holds what the parser fills in; must live until the command has run.
struct SelectionOptions {
  std::string group_by, metric, domain;
  std::vector<std::string> include, exclude, hide, hide_functions, hide_modules;
  std::vector<std::string> functions, modules, map_prefixes;
  bool cumulative = false, all_frames = false, mine = false, raw_frames = false;
  bool strip_template_args = false;

  [[nodiscard]] Selection selection() const;
};

// What of a snapshot a selection looks at.
ReadOptions read_options_for(const Selection& selection);

void add_selection_options(CLI::App& app, SelectionOptions& options);

// An option that may be given again and again, one value each time.
CLI::Option* add_repeatable(CLI::App& app, const std::string& names,
                            std::vector<std::string>& values, const std::string& description);

}  // namespace memtrace
