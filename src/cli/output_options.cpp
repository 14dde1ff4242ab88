#include "cli/output_options.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "cli/arguments.hpp"
#include "cli/choice.hpp"
#include "cli/parsed_argument.hpp"
#include "cli/selection_options.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr const char* kGroup = "Output";
constexpr std::uint64_t kRowsForPeople = 10;

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::uint64_t parse_limit(const std::string& text) {
  std::uint64_t limit = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, limit);
  if (error != std::errc() || parsed_to != end) {
    throw Error("--limit: '" + text + "' is no number of groups");
  }
  return limit;
}

// https://no-color.org: set and not empty.
bool color_is_refused() {
  const char* const value = std::getenv("NO_COLOR");
  return value != nullptr && *value != '\0';
}

}  // namespace

std::vector<std::string> report_formats() {
  std::vector<std::string> names;
  for (const Renderer& renderer : renderers()) names.emplace_back(renderer.name);
  return names;
}

std::vector<std::string> info_formats() {
  return {"table", "json"};
}

void add_format_options(CLI::App& app, OutputOptions& options,
                        const std::vector<std::string>& formats) {
  options.format = formats.front();
  options.color = "auto";
  add_choice(app, "-f,--format", options.format, formats, "How to print")
      ->type_name("FORMAT")
      ->group(kGroup);
  add_choice(app, "--color", options.color, {"auto", "always", "never"},
             "When to colour; auto is on a terminal, unless NO_COLOR is set")
      ->type_name("WHEN")
      ->group(kGroup);
  app.add_option("-o,--output", options.output, "Write to a file; it is there whole or not at all")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_flag("--bytes", options.plain_bytes, "Plain bytes instead of KiB, MiB")->group(kGroup);
}

void add_ranking_options(CLI::App& app, OutputOptions& options,
                         const std::vector<std::string>& sort_names) {
  options.sort = sort_names.front();
  app.add_option("-n,--limit", options.limit,
                 "Groups to print; 0: all (default: 10 in table, text and markdown, else all)")
      ->type_name("N")
      ->group(kGroup);
  add_choice(app, "-s,--sort", options.sort, sort_names, "What ranks the groups")
      ->type_name("KEY")
      ->group(kGroup);
  app.add_flag("-r,--reverse", options.reverse, "The other way round")->group(kGroup);
  app.add_option("--min-size", options.min_size,
                 "Leave out smaller groups (of a diff: smaller changes): 50KiB, 5M, 1048576")
      ->check(complaint_about<parse_size>)
      ->type_name("SIZE")
      ->group(kGroup);
  add_repeatable(app, "--strip-prefix", options.strip_prefixes,
                 "Shorten what is printed by this leading folder")
      ->type_name("DIR")
      ->group(kGroup);
  add_repeatable(app, "--source-dir", options.source_folders,
                 "Look here, too, for the source lines of a traceback's frames")
      ->type_name("DIR")
      ->group(kGroup);
  app.add_flag("--full-names", options.full_names,
               "Print whole names of functions, also long ones of C++, in table and markdown")
      ->group(kGroup);
  app.add_flag("--most-recent-first", options.most_recent_first,
               "Print a traceback's most recent frame first")
      ->group(kGroup);
}

const Renderer& OutputOptions::renderer() const {
  const auto all = renderers();
  return *std::find_if(all.begin(), all.end(),
                       [&](const Renderer& renderer) { return renderer.name == format; });
}

namespace {

template <class Ranking, class Sorts>
Ranking ranking_of(const OutputOptions& options, const Sorts& sorts) {
  Ranking ranking;
  for (const auto sort : sorts) {
    if (name_of(sort) == options.sort) ranking.sort = sort;
  }
  ranking.reverse = options.reverse;
  ranking.limit = options.renderer().limited ? kRowsForPeople : 0;
  if (!options.limit.empty()) ranking.limit = parse_limit(options.limit);
  if (!options.min_size.empty()) ranking.min_size = parse_size(options.min_size);
  return ranking;
}

}  // namespace

TopRanking OutputOptions::top_ranking() const {
  return ranking_of<TopRanking>(*this, kTopSorts);
}

DiffRanking OutputOptions::diff_ranking() const {
  auto ranking = ranking_of<DiffRanking>(*this, kDiffSorts);
  ranking.changed_only = renderer().changed_only;
  return ranking;
}

void print(const OutputOptions& options, const Document& document) {
  print(options,
        [&](const Style& style, Sink& sink) { render(options.renderer(), document, style, sink); });
}

Style OutputOptions::style(const Output& output_to) const {
  Style style;
  style.terminal = output_to.is_terminal();
  style.color = color == "always" || (color == "auto" && style.terminal && !color_is_refused());
  style.plain_bytes = plain_bytes;
  style.full_names = full_names;
  style.most_recent_first = most_recent_first;
  style.width = style.terminal ? terminal_width() : 0;
  style.strip_prefixes = strip_prefixes;
  style.source_folders = source_folders;
  return style;
}

}  // namespace memtrace
