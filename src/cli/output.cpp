#include "cli/output.hpp"

#include <fmt/format.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <clocale>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "cli/arguments.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr std::uint64_t kRowsForPeople = 10;

constexpr auto kFormats = std::to_array<Word>({
    {"table", "for people"},
    {"text", "the lines that Python prints for `str(stat)`, byte for byte"},
    {"json", "for programs"},
    {"csv", "for spreadsheets"},
    {"markdown", "for comments on pull requests"},
    {"junit", "XML as JUnit writes it"},
    {"github", "annotations for GitHub Actions: ten at most"},
    {"benchmark", "`customSmallerIsBetter` of github-action-benchmark"},
    {"bmf", "Bencher's metric format"},
});

bool is_for(ReportKind kind, const Renderer& renderer) {
  switch (kind) {
    case ReportKind::info:
      return renderer.name == "table" || renderer.name == "json";
    case ReportKind::ranking:
      return !renderer.needs_measurements;
    case ReportKind::check:
      // Python has no statistic with a limit.
      return !renderer.needs_tree && renderer.name != "text";
  }
  return false;
}

// The formats for this kind of report, the default first.
std::vector<Word> formats_of(ReportKind kind) {
  std::vector<Word> formats;
  for (const Renderer& renderer : renderers()) {
    if (!is_for(kind, renderer)) continue;
    const auto word = std::find_if(kFormats.begin(), kFormats.end(),
                                   [&](const Word& known) { return known.name == renderer.name; });
    formats.push_back({renderer.name, word == kFormats.end() ? "" : word->meaning});
  }
  return formats;
}

// The folder that CI has checked out, or else the nearest one with a ".git".
std::string repository_around(const std::filesystem::path& folder) {
  const char* const checkout = std::getenv("GITHUB_WORKSPACE");
  if (checkout != nullptr && *checkout == '/') return checkout;
  std::error_code error;
  for (std::filesystem::path at = folder; at.has_relative_path(); at = at.parent_path()) {
    if (std::filesystem::exists(at / ".git", error)) return at;
  }
  return {};
}

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// Whether the terminal's character set has the blocks that bars are made of.
bool shows_unicode() {
  const locale_t own = newlocale(LC_CTYPE_MASK, "", nullptr);
  if (own == nullptr) return false;
  const std::string_view charset = nl_langinfo_l(CODESET, own);
  const bool is_unicode = charset == "UTF-8";
  freelocale(own);
  return is_unicode;
}

std::uint64_t parse_limit(const std::string& text) {
  std::uint64_t limit = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, limit);
  if (error != std::errc() || parsed_to != end) {
    throw Error("--limit: invalid number of groups: '" + text + "'");
  }
  return limit;
}

// https://no-color.org: set and not empty.
bool color_is_refused() {
  const char* const value = std::getenv("NO_COLOR");
  return value != nullptr && *value != '\0';
}

// "-" stands for `descriptor`: "mtrace merge - -o app.zst < app.zst".
std::optional<struct stat> regular_file(const std::string& path, int descriptor) {
  struct stat status {};
  const int result = path == "-" ? fstat(descriptor, &status) : stat(path.c_str(), &status);
  if (result != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return status;
}

}  // namespace

OptionGroup format_options(OutputOptions& options, ReportKind kind) {
  Option format{.letter = 'f',
                .name = "format",
                .value = "FORMAT",
                .into = &options.format,
                .summary = "Output format",
                .words = formats_of(kind)};
  options.format = format.words.front().name;
  return {"Output",
          {
              std::move(format),
              {.name = "color",
               .value = "WHEN",
               .into = &options.color,
               .summary = "When to colour",
               .words = {{"auto", "on a terminal, unless `$NO_COLOR` is set"},
                         {"always", "even in files and pipes"},
                         {"never", "not at all"}},
               .is_rare = true},
              {.letter = 'o',
               .name = "output",
               .value = "FILE",
               .into = &options.output,
               .summary = "Write to a file instead of standard output",
               .details = kReplacesFile,
               .completion = Completion::files,
               .is_rare = true},
              {.name = "bytes",
               .into = &options.plain_bytes,
               .summary = "Print plain bytes instead of KiB, MiB and so on",
               .is_rare = true},
          }};
}

namespace {

Option verbose_option(OutputOptions& options) {
  return {.letter = 'v',
          .name = "verbose",
          .into = &options.verbose,
          .summary = "Print above a table all that is known of what was read",
          .details = R"(By default, a table has a heading of two lines, and a line each for what was
lost, sampled, selected or hidden. `mtrace-info(1)` prints the rest without counting anything.)"};
}

Option most_recent_first_option(OutputOptions& options) {
  return {.name = "most-recent-first",
          .into = &options.most_recent_first,
          .summary = "Print the most recent frame of a traceback first",
          .details = "By default, the oldest frame comes first.",
          .is_rare = true};
}

Option min_size_option(std::string& size, std::string_view summary) {
  return {.name = "min-size",
          .value = "SIZE",
          .into = &size,
          .summary = summary,
          .details = R"(A change counts by its magnitude.
`SIZE` is a number of bytes with an optional unit: `K`, `M`, `G` and `T`, also with `iB`, are
powers of 1024; `kB`, `MB`, `GB` and `TB` are powers of 1000.)",
          .check = checked_by<parse_size>,
          .is_rare = true};
}

Option strip_prefix_option(std::vector<std::string>& prefixes) {
  return {.name = "strip-prefix",
          .value = "DIR",
          .into = &prefixes,
          .summary = "Print file names without this leading folder",
          .details = R"(Repeatable: the longest matching folder is removed.
JSON keeps whole names.)",
          .completion = Completion::folders,
          .is_rare = true};
}

}  // namespace

// NOLINTNEXTLINE(readability-function-size): a table.
OptionGroup report_options(OutputOptions& options, std::vector<Word> sorts, std::string_view ties) {
  OptionGroup group = format_options(options, ReportKind::ranking);
  group.options.push_back(
      {.letter = 'n',
       .name = "limit",
       .value = "N",
       .into = &options.limit,
       .summary = "Number of groups to print; 0 prints all",
       .details = "The default is 10 in table, text and markdown, and all in JSON and CSV."});
  if (!sorts.empty()) {
    options.sort = sorts.front().name;
    group.options.push_back({.letter = 's',
                             .name = "sort",
                             .value = "KEY",
                             .into = &options.sort,
                             .summary = "How to rank the groups",
                             .details = ties,
                             .words = std::move(sorts)});
    group.options.push_back({.letter = 'r',
                             .name = "reverse",
                             .into = &options.reverse,
                             .summary = "Reverse the order",
                             .is_rare = true});
  }
  group.options.insert(
      group.options.end(),
      {
          min_size_option(options.min_size, "Leave out smaller groups; in a diff, smaller changes"),
          strip_prefix_option(options.strip_prefixes),
          {.name = "source-dir",
           .value = "DIR",
           .into = &options.source_folders,
           .summary = "Look for source files in this folder, too",
           .details = R"(A traceback's frames show their source lines.
A file that is missing at its own path is searched in this folder: under its whole path, then
without its first folder, without its first two, and so on.
Repeatable.)",
           .completion = Completion::folders,
           .is_rare = true},
          {.name = "full-names",
           .into = &options.full_names,
           .summary = "Print function names in full, even long ones",
           .details = R"(By default, tables and markdown show C++ names as a programmer writes them:
`std::string`, without the default arguments of standard library templates.
Long names lose nested arguments, parameters, or their middle.
Text, JSON and CSV always have the full names.)",
           .is_rare = true},
          most_recent_first_option(options),
          verbose_option(options),
      });
  return group;
}

OptionGroup view_options(OutputOptions& options) {
  OptionGroup group = report_options(options, {}, {});
  // What is printed, and where, and what has a key.
  constexpr std::array<std::string_view, 5> kOthers = {"format", "output", "limit",
                                                       "most-recent-first", "verbose"};
  std::erase_if(group.options, [&](const Option& option) {
    return std::find(kOthers.begin(), kOthers.end(), option.name) != kOthers.end();
  });
  return {"Display", std::move(group.options)};
}

OptionGroup check_options(OutputOptions& options) {
  OptionGroup group = format_options(options, ReportKind::check);
  group.options.push_back({.letter = 'n',
                           .name = "limit",
                           .value = "N",
                           .into = &options.limit,
                           .summary = "Number of groups to print of each limit; 0 prints all",
                           .details = "The default is 10.",
                           .is_rare = true});
  group.options.push_back(
      min_size_option(options.min_size, "Do not judge smaller groups or growths one by one"));
  group.options.push_back(strip_prefix_option(options.strip_prefixes));
  group.options.push_back(most_recent_first_option(options));
  group.options.push_back(verbose_option(options));
  return group;
}

const Renderer& OutputOptions::renderer() const {
  const auto all = renderers();
  return *std::find_if(all.begin(), all.end(),
                       [&](const Renderer& renderer) { return renderer.name == format; });
}

namespace {

template <class Ranking>
Ranking size_ranking_of(const OutputOptions& options) {
  Ranking ranking;
  ranking.limit = options.renderer().limited ? kRowsForPeople : 0;
  if (!options.limit.empty()) ranking.limit = parse_limit(options.limit);
  if (!options.min_size.empty()) ranking.min_size = parse_size(options.min_size);
  return ranking;
}

template <class Ranking, class Sorts>
Ranking ranking_of(const OutputOptions& options, const Sorts& sorts) {
  auto ranking = size_ranking_of<Ranking>(options);
  for (const auto sort : sorts) {
    if (name_of(sort) == options.sort) ranking.sort = sort;
  }
  ranking.reverse = options.reverse;
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

TrendRanking OutputOptions::trend_ranking() const {
  return size_ranking_of<TrendRanking>(*this);
}

std::uint64_t OutputOptions::check_limit() const {
  return limit.empty() ? kRowsForPeople : parse_limit(limit);
}

std::int64_t OutputOptions::smallest_size() const {
  return min_size.empty() ? 0 : parse_size(min_size);
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
  style.verbose = verbose;
  style.most_recent_first = most_recent_first;
  style.width = style.terminal ? terminal_width() : 0;
  style.bars = style.color && style.width > 0 && shows_unicode();
  style.strip_prefixes = strip_prefixes;
  style.source_folders = source_folders;
  if (renderer().needs_measurements) {
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::current_path(error);
    style.working_folder = folder;
    style.repository = repository_around(folder);
  }
  return style;
}

Option snapshot_output(std::string& path) {
  return {.letter = 'o',
          .name = "output",
          .value = "FILE",
          .into = &path,
          .summary = "The file to write; - is standard output",
          .details = kReplacesFile,
          .completion = Completion::files,
          .is_required = true};
}

void refuse_own_input(const std::string& output, std::span<const std::string> inputs) {
  const auto target = regular_file(output, STDOUT_FILENO);
  if (!target) return;
  for (const std::string& input : inputs) {
    const auto source = regular_file(input, STDIN_FILENO);
    if (!source || source->st_dev != target->st_dev || source->st_ino != target->st_ino) continue;
    throw Error("it is what is read here: --output must be another file")
        .in(output == "-" ? "standard output" : output);
  }
}

}  // namespace memtrace
