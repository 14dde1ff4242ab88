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

struct SortName {
  const char* name;
  SortKey key;
};

// Holds what the parser fills in; must live until the command has run.
struct OutputOptions {
  std::string format, color, output = "-";
  std::string limit, sort, min_size;
  bool reverse = false, most_recent_first = false, full_names = false, plain_bytes = false;
  std::vector<std::string> strip_prefixes, source_folders;
  std::vector<SortName> sort_names;

  [[nodiscard]] const Renderer& renderer() const;
  [[nodiscard]] Ranking ranking() const;
  [[nodiscard]] Style style(const Output& output_to) const;
};

// --format, --color, -o: for every command that prints.
void add_format_options(CLI::App& app, OutputOptions& options,
                        const std::vector<std::string>& formats);
// --limit, --sort and what shapes the rows. The first sort name is the default.
void add_ranking_options(CLI::App& app, OutputOptions& options, std::vector<SortName> sort_names);

// Names of the formats that can show a report of this kind.
std::vector<std::string> report_formats();
std::vector<std::string> info_formats();

// Opens the output, lets `render(style, sink)` write, and commits.
template <class Render>
void print(const OutputOptions& options, const Render& render);

// Text on its way into an output.
class OutputSink : public Sink {
 public:
  explicit OutputSink(Output& output) : output_(output) {}
  void write(std::string_view text) override { output_.write(text); }

 private:
  Output& output_;
};

template <class Render>
void print(const OutputOptions& options, const Render& render) {
  Output output(options.output);
  OutputSink sink(output);
  render(options.style(output), sink);
  output.commit();
}

}  // namespace memtrace
