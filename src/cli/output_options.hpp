// The options that say how, the same on every command that prints a report.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/output.hpp"
#include "mtrace/report.hpp"
#include "render/renderer.hpp"

namespace memtrace {

// Holds what the parser fills in; must live until the command has run.
struct OutputOptions {
  std::string format, color, output = "-";
  std::string limit, sort, min_size;
  bool reverse = false, most_recent_first = false, full_names = false, plain_bytes = false;
  std::vector<std::string> strip_prefixes, source_folders;

  [[nodiscard]] const Renderer& renderer() const;
  [[nodiscard]] TopRanking top_ranking() const;
  [[nodiscard]] DiffRanking diff_ranking() const;
  [[nodiscard]] Style style(const Output& output_to) const;
};

// --format, --color, -o: for every command that prints.
void add_format_options(CLI::App& app, OutputOptions& options,
                        const std::vector<std::string>& formats);
// --limit, --sort and what shapes the rows. The first sort name is the default.
void add_ranking_options(CLI::App& app, OutputOptions& options,
                         const std::vector<std::string>& sort_names);

// The names of sort keys (kTopSorts, kDiffSorts), for --sort.
template <class Sorts>
std::vector<std::string> names_of(const Sorts& sorts) {
  std::vector<std::string> names;
  for (const auto sort : sorts) names.emplace_back(name_of(sort));
  return names;
}

// Names of the formats, and of those that info is offered in.
std::vector<std::string> report_formats();
std::vector<std::string> info_formats();

// Opens the output, lets `write(style, sink)` write, and commits.
template <class Write>
void print(const OutputOptions& options, const Write& write);
void print(const OutputOptions& options, const Document& document);

// Text on its way into an output.
class OutputSink : public Sink {
 public:
  explicit OutputSink(Output& output) : output_(output) {}
  void write(std::string_view text) override { output_.write(text); }

 private:
  Output& output_;
};

template <class Write>
void print(const OutputOptions& options, const Write& write) {
  Output output(options.output);
  OutputSink sink(output);
  write(options.style(output), sink);
  output.commit();
}

}  // namespace memtrace
