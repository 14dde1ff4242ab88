#include "cli/selection_options.hpp"

#include <algorithm>

#include "cli/choice.hpp"

namespace memtrace {
namespace {

constexpr const char* kGroup = "Selecting";

template <class Table>
std::vector<std::string> names_in(const Table& table) {
  std::vector<std::string> names;
  names.reserve(std::size(table));
  for (const auto item : table) names.emplace_back(name_of(item));
  return names;
}

// The parser has made sure that the name is there.
template <class Table>
auto by_name(const Table& table, const std::string& name) {
  return *std::find_if(table.begin(), table.end(),
                       [&](const auto item) { return name_of(item) == name; });
}

template <class T>
std::vector<T> compile(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace

CLI::Option* add_repeatable(CLI::App& app, const std::string& names,
                            std::vector<std::string>& values, const std::string& description) {
  return app.add_option(names, values, description)->allow_extra_args(false);
}

// Which frames there are, and what they are called.
static void add_frame_options(CLI::App& app, SelectionOptions& options) {
  add_repeatable(app, "--hide", options.hide,
                 "Hide matching frames: their blocks go to the nearest visible caller")
      ->type_name("PATTERN")
      ->group(kGroup);
  add_repeatable(app, "--hide-function", options.hide_functions,
                 "The same for the frames of matching functions")
      ->type_name("GLOB")
      ->group(kGroup);
  add_repeatable(app, "--hide-module", options.hide_modules,
                 "The same for the frames of matching shared objects or packages")
      ->type_name("GLOB")
      ->group(kGroup);
  app.add_flag("--mine", options.mine,
               "Hide the frames of system code, standard libraries and installed packages")
      ->group(kGroup);
  app.add_flag("--raw-frames", options.raw_frames,
               "Show the allocation machinery's frames too (malloc, operator new)")
      ->group(kGroup);
  app.add_flag("--strip-template-args", options.strip_template_args,
               "Call all instances of a template or generic function the same")
      ->group(kGroup);
  add_repeatable(app, "--map-prefix", options.map_prefixes,
                 "Files in the folder FROM are in TO instead: grouped, matched and printed so")
      ->type_name("FROM=TO")
      ->group(kGroup);
}

void add_selection_options(CLI::App& app, SelectionOptions& options) {
  options.group_by = name_of(GroupBy::lineno);
  options.metric = name_of(Metric::live);
  add_choice(app, "-g,--group-by", options.group_by, names_in(kGroupBys), "What a row is")
      ->type_name("KEY")
      ->group(kGroup);
  app.add_flag("--cumulative", options.cumulative,
               "Count a block for every group on its traceback, once each")
      ->group(kGroup);
  add_repeatable(app, "-i,--include", options.include,
                 "Keep blocks whose file name matches: GLOB, GLOB:LINE, or a folder/")
      ->type_name("PATTERN")
      ->group(kGroup);
  add_repeatable(app, "-x,--exclude", options.exclude,
                 "Drop blocks whose file name matches: GLOB, GLOB:LINE, or a folder/")
      ->type_name("PATTERN")
      ->group(kGroup);
  app.add_flag("--all-frames", options.all_frames,
               "Patterns look at every frame, not only at the most recent one")
      ->group(kGroup);
  offer(app.add_option("--domain", options.domain, "Keep one address space: a number or a name"),
        {"python", "native", "mmap"})
      ->type_name("N")
      ->group(kGroup);
  add_repeatable(app, "--function", options.functions, "Keep blocks of matching functions")
      ->type_name("GLOB")
      ->group(kGroup);
  add_repeatable(app, "--module", options.modules,
                 "Keep blocks of matching shared objects or packages")
      ->type_name("GLOB")
      ->group(kGroup);
  add_frame_options(app, options);
  add_choice(app, "-m,--metric", options.metric, names_in(kMetrics),
             "Blocks alive in the snapshot, alive at the peak, or ever allocated")
      ->type_name("METRIC")
      ->group(kGroup);
}

ReadOptions read_options_for(const Selection& selection) {
  return {.metric = selection.metric,
          .domains = selection.group_by == GroupBy::domain || selection.domain.has_value()};
}

Selection SelectionOptions::selection() const {
  Selection selection;
  selection.group_by = by_name(kGroupBys, group_by);
  selection.metric = by_name(kMetrics, metric);
  selection.cumulative = cumulative;
  selection.hide = compile<Pattern>(hide);
  selection.hide_function = compile<Glob>(hide_functions);
  selection.hide_module = compile<Glob>(hide_modules);
  selection.mine = mine;
  selection.raw_frames = raw_frames;
  selection.map_prefixes = compile<PrefixMap>(map_prefixes);
  selection.strip_template_args = strip_template_args;
  selection.include = compile<Pattern>(include);
  selection.exclude = compile<Pattern>(exclude);
  selection.function = compile<Glob>(functions);
  selection.module = compile<Glob>(modules);
  selection.all_frames = all_frames;
  if (!domain.empty()) selection.domain = domain;
  return selection;
}

}  // namespace memtrace
