#include "cli/selection_options.hpp"

#include <algorithm>

namespace memtrace {
namespace {

// The parser has checked that the name exists.
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

// NOLINTNEXTLINE(readability-function-size): a table.
OptionGroup selection_options(SelectionOptions& options) {
  return {
      "Selecting blocks and frames",
      {
          {.letter = 'g',
           .name = "group-by",
           .value = "KEY",
           .into = &options.group_by,
           .summary = "What to group by",
           .details = "A tracemalloc dump lacks functions and shared objects.",
           .words = {{name_of(GroupBy::lineno), "a line of a file"},
                     {name_of(GroupBy::filename), "a file"},
                     {name_of(GroupBy::traceback), "a traceback, with all frames that were kept"},
                     {name_of(GroupBy::function), "a function of a file"},
                     {name_of(GroupBy::module),
                      "a shared object, or a Python package: installed, in the standard "
                      "library, or frozen"},
                     {name_of(GroupBy::domain), "an address space; see `--domain`"}}},
          {.name = "cumulative",
           .into = &options.cumulative,
           .summary = "Count a block once for each group on its traceback",
           .details = R"(By default, a block counts only for the group of its most recent frame.
The groups overlap: their sizes add up to more than the total.
Cannot be combined with `-g traceback` or `-g domain`.)",
           .is_rare = true},
          {.letter = 'i',
           .name = "include",
           .value = "PATTERN",
           .into = &options.include,
           .summary = "Keep blocks of matching files: GLOB, GLOB:LINE, DIR/",
           .details = R"(Matches the file of a block's most recent frame.
Repeatable: a block is kept if any pattern matches.
`mtrace(1)` describes the syntax of a `PATTERN`.)"},
          {.letter = 'x',
           .name = "exclude",
           .value = "PATTERN",
           .into = &options.exclude,
           .summary = "Drop blocks of matching files: GLOB, GLOB:LINE, DIR/",
           .details = "Repeatable."},
          {.name = "all-frames",
           .into = &options.all_frames,
           .summary = "Match patterns with every frame of a traceback",
           .details = R"(The globs of `--function` and `--module` match every frame, too.
By default, all of these match only the most recent frame.)",
           .is_rare = true},
          {.name = "domain",
           .value = "N",
           .into = &options.domain,
           .summary = "Keep one address space: a number or a name",
           .details = "Domain 0, called `python`, holds what tracemalloc itself traces.",
           .examples = {{"python", {}}, {"native", {}}, {"mmap", {}}},
           .is_rare = true},
          {.name = "function",
           .value = "GLOB",
           .into = &options.functions,
           .summary = "Keep blocks of matching functions",
           .details = "Matches the function of a block's most recent frame. Repeatable: a block is "
                      "kept if any glob matches.",
           .is_rare = true},
          {.name = "module",
           .value = "GLOB",
           .into = &options.modules,
           .summary = "Keep blocks of matching shared objects or packages",
           .details = "Matches the shared object or package of a block's most recent frame. "
                      "Repeatable: a block is kept if any glob matches.",
           .is_rare = true},
          {.name = "hide",
           .value = "PATTERN",
           .into = &options.hide,
           .summary = "Hide frames of matching files",
           .details = R"(Repeatable.
All blocks are kept: the memory of a hidden frame counts for its nearest visible caller, or for
`<hidden>:0` if every frame is hidden.
Frames are hidden first: all other options see only the visible ones.)",
           .is_rare = true},
          {.name = "hide-function",
           .value = "GLOB",
           .into = &options.hide_functions,
           .summary = "Hide frames of matching functions",
           .details = "Repeatable.",
           .is_rare = true},
          {.name = "hide-module",
           .value = "GLOB",
           .into = &options.hide_modules,
           .summary = "Hide frames of matching shared objects or packages",
           .details = "Repeatable.",
           .is_rare = true},
          {.name = "mine",
           .into = &options.mine,
           .summary = "Hide frames of system code, libraries and packages",
           .details =
               R"(Hides frames of system headers and libraries, of a language's standard library,
of installed packages, of the C library's code that starts a program, and of `<frozen ...>`.
Can be combined with `--hide`.)"},
          {.name = "raw-frames",
           .into = &options.raw_frames,
           .summary = "Also show the frames of the allocation machinery",
           .details =
               R"(By default these are hidden: `malloc()`, `operator new()`, allocator classes,
functions that only pass a size on (`xmalloc()`, `g_malloc()`, `av_malloc()`, `PyMem_Malloc()` and
others), and the frames of C++ and Rust standard libraries, such as containers, below the line that
uses them.
If a snapshot of a Python program has the frames of C functions (`mtrace run --native`), those of
the interpreter, of ctypes and of libffi are hidden, too.)",
           .is_rare = true},
          {.name = "strip-template-args",
           .into = &options.strip_template_args,
           .summary = "Treat all instances of a template or generic as one",
           .details = R"(Function names lose the arguments of templates and generics:
`Table<int>::put(int)` and `Table<char>::put(char)` become `Table::put`.
Other options see these names, too.)",
           .is_rare = true},
          {.name = "map-prefix",
           .value = "FROM=TO",
           .into = &options.map_prefixes,
           .summary = "Treat files in the folder FROM as files in TO",
           .details =
               R"(Works like `-ffile-prefix-map` of `gcc(1)`: the files are grouped, matched and
printed under their names in `TO`, and their source lines are read there.
Applies before all other options.
Repeatable: if several match, the last one applies.)",
           .is_rare = true},
          {.letter = 'm',
           .name = "metric",
           .value = "METRIC",
           .into = &options.metric,
           .summary = "Blocks to count",
           .details = "A tracemalloc dump has `live` only.",
           .words = {{name_of(Metric::live), "alive in the snapshot"},
                     {name_of(Metric::peak), "alive when most memory was in use"},
                     {name_of(Metric::total), "ever allocated"}}},
      }};
}

Option match_option(SelectionOptions& options) {
  options.match = name_of(MatchBy::automatic);
  return {
      .name = "match",
      .value = "KEY",
      .into = &options.match,
      .summary = "How lines match",
      .details =
          R"(The snapshots may be of different builds. A followed line says in its row where it was.
What cannot be told for sure stays apart: a line is followed if its function has the same name and
file, and few edits of the file explain where all lines went.
Snapshots of one process, modules that kept their build id, and tracemalloc dumps, which lack
functions, are always matched by number.)",
      .words = {{name_of(MatchBy::automatic),
                 "by number, but follow a line whose function stayed while its number moved"},
                {name_of(MatchBy::line), "by number only, as tracemalloc does"},
                {name_of(MatchBy::function),
                 "count all lines of a function as one, shown at the first of them"}},
      .is_rare = true};
}

ReadOptions read_options_for(const Selection& selection) {
  return {.metric = selection.metric,
          .domains = selection.group_by == GroupBy::domain || selection.domain.has_value()};
}

Selection SelectionOptions::selection() const {
  Selection selection;
  selection.group_by = by_name(kGroupBys, group_by);
  selection.metric = by_name(kMetrics, metric);
  selection.match = by_name(kMatchBys, match);
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
