// The options that select, the same on every command that ranks.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "mtrace/read.hpp"
#include "mtrace/selection.hpp"

namespace memtrace {

// Holds what the parser fills in; must live until the command has run.
struct SelectionOptions {
  std::string group_by{name_of(GroupBy::lineno)}, metric{name_of(Metric::live)}, domain;
  std::vector<std::string> include, exclude, hide, hide_functions, hide_modules;
  std::vector<std::string> functions, modules, map_prefixes;
  std::string match{name_of(MatchBy::line)};
  bool cumulative = false, all_frames = false, mine = false, raw_frames = false;
  bool strip_template_args = false;

  [[nodiscard]] Selection selection() const;
};

// What of a snapshot a selection looks at.
ReadOptions read_options_for(const Selection& selection);

OptionGroup selection_options(SelectionOptions& options);
// --match, of commands that compare snapshots; makes `auto` the default.
Option match_option(SelectionOptions& options);

}  // namespace memtrace
