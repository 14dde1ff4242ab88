#include "cli/selection_options.hpp"

#include <algorithm>

namespace memtrace {
namespace {

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

// NOLINTNEXTLINE(readability-function-size): a table.
OptionGroup selection_options(SelectionOptions& options) {
  return {
      "Selecting blocks and frames",
      {
          {.letter = 'g',
           .name = "group-by",
           .value = "KEY",
           .into = &options.group_by,
           .summary = "What a row is",
           .details = "A tracemalloc dump names no functions and no shared objects.",
           .words = {{name_of(GroupBy::lineno), "a line of a file"},
                     {name_of(GroupBy::filename), "a file"},
                     {name_of(GroupBy::traceback),
                      "a traceback, with all frames that the snapshot has of it"},
                     {name_of(GroupBy::function), "a function of a file"},
                     {name_of(GroupBy::module),
                      "a shared object, or a package of Python: installed, of the standard "
                      "library, or frozen"},
                     {name_of(GroupBy::domain), "an address space, as `--domain` has it"}}},
          {.name = "cumulative",
           .into = &options.cumulative,
           .summary = "Count a block for every group on its traceback, once",
           .details = R"(Otherwise it counts for the group of its most recent frame alone.
The groups overlap: their sizes add up to more than the total.
Refused with `-g traceback` and `-g domain`.)"},
          {.letter = 'i',
           .name = "include",
           .value = "PATTERN",
           .into = &options.include,
           .summary = "Keep blocks of files that match: GLOB, GLOB:LINE, DIR/",
           .details = R"(A block is of the file in its most recent frame.
Repeatable: a block is kept if any of the patterns matches.
`mtrace(1)` has the syntax of a `PATTERN`.)"},
          {.letter = 'x',
           .name = "exclude",
           .value = "PATTERN",
           .into = &options.exclude,
           .summary = "Drop blocks of files that match: GLOB, GLOB:LINE, DIR/",
           .details = "Repeatable."},
          {.name = "all-frames",
           .into = &options.all_frames,
           .summary = "Patterns look at every frame of a traceback",
           .details = R"(So do the globs of `--function` and `--module`.
Otherwise they look at the most recent frame alone.)"},
          {.name = "domain",
           .value = "N",
           .into = &options.domain,
           .summary = "Keep one address space: a number or a name",
           .details = "What tracemalloc traces by itself is in domain 0, called `python`.",
           .examples = {{"python", {}}, {"native", {}}, {"mmap", {}}}},
          {.name = "function",
           .value = "GLOB",
           .into = &options.functions,
           .summary = "Keep blocks of matching functions",
           .details = "The most recent frame decides. Repeatable: any may match."},
          {.name = "module",
           .value = "GLOB",
           .into = &options.modules,
           .summary = "Keep blocks of matching shared objects or packages",
           .details = "The most recent frame decides. Repeatable: any may match."},
          {.name = "hide",
           .value = "PATTERN",
           .into = &options.hide,
           .summary = "Hide frames of files that match",
           .details = R"(Repeatable.
No block is dropped: the memory of a hidden frame counts for the nearest visible caller, or for
`<hidden>:0` where there is none.
Frames are hidden first: all other options see the visible ones only.)"},
          {.name = "hide-function",
           .value = "GLOB",
           .into = &options.hide_functions,
           .summary = "Hide frames of matching functions",
           .details = "Repeatable."},
          {.name = "hide-module",
           .value = "GLOB",
           .into = &options.hide_modules,
           .summary = "Hide frames of matching shared objects or packages",
           .details = "Repeatable."},
          {.name = "mine",
           .into = &options.mine,
           .summary = "Hide frames of system code, libraries and packages",
           .details = R"(These are frames of system headers and libraries, of a language's standard
library, of installed packages, of where the C library begins a program, and of `<frozen ...>`.
Goes together with `--hide`.)"},
          {.name = "raw-frames",
           .into = &options.raw_frames,
           .summary = "Show the allocation machinery's frames, too",
           .details =
               R"(Otherwise these are hidden: `malloc()`, `operator new()`, allocator classes,
functions that only pass a size on (`xmalloc()`, `g_malloc()`, `av_malloc()`, `PyMem_Malloc()` and
others), and what containers and the rest of the C++ and Rust standard libraries do for the line
that uses them.
Where a snapshot of a Python program has the frames of C functions (`mtrace run --native`), those of
the interpreter itself, of ctypes and of libffi are hidden, too.)"},
          {.name = "strip-template-args",
           .into = &options.strip_template_args,
           .summary = "Name all instances of a template or generic alike",
           .details = R"(Names of functions lose the arguments of templates and generics:
`Table<int>::put(int)` and `Table<char>::put(char)` are `Table::put`.
Other options see these names, too.)"},
          {.name = "map-prefix",
           .value = "FROM=TO",
           .into = &options.map_prefixes,
           .summary = "Take files in the folder FROM as files in TO",
           .details = R"(As with `-ffile-prefix-map` of `gcc(1)`: they are grouped, matched and
printed under their names in `TO`, and their source lines are read there.
Comes before all other options.
Repeatable; of several that fit, the last one counts.)"},
          {.letter = 'm',
           .name = "metric",
           .value = "METRIC",
           .into = &options.metric,
           .summary = "Which blocks to count",
           .details = "A tracemalloc dump has only the first.",
           .words = {{name_of(Metric::live), "alive in the snapshot"},
                     {name_of(Metric::peak), "alive when most memory was in use"},
                     {name_of(Metric::total), "ever allocated"}}},
      }};
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
