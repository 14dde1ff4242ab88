// Where a command writes and how: the options, and opening the file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_output.hpp"
#include "cli/command.hpp"
#include "mtrace/report.hpp"
#include "mtrace/trend.hpp"
#include "render/renderer.hpp"

namespace memtrace {

// Holds what the parser fills in; must live until the command has run.
struct OutputOptions {
  std::string format, color = "auto", output = "-";
  std::string limit, sort, min_size;
  bool reverse = false, most_recent_first = false, full_names = false, plain_bytes = false;
  bool verbose = false;
  std::vector<std::string> strip_prefixes, source_folders;

  [[nodiscard]] const Renderer& renderer() const;
  [[nodiscard]] TopRanking top_ranking() const;
  [[nodiscard]] DiffRanking diff_ranking() const;
  [[nodiscard]] TrendRanking trend_ranking() const;
  // Of each limit that is exceeded: so many groups made it so, at most. Also for programs: all
  // groups together may have.
  [[nodiscard]] std::uint64_t check_limit() const;
  [[nodiscard]] std::int64_t smallest_size() const;
  [[nodiscard]] Style style(const Output& output_to) const;
};

// What a command prints: what a file is, groups in an order, or what is held to limits.
enum class ReportKind : std::uint8_t { info, ranking, check };

// --format, --color, -o: for every command that prints.
OptionGroup format_options(OutputOptions& options, ReportKind kind);
// The same with --limit, --sort and what shapes the rows. The first of `sorts` is the default,
// no sorts: there is one order only; `ties` says how equals are ranked.
OptionGroup report_options(OutputOptions& options, std::vector<Word> sorts, std::string_view ties);
// Of what is looked at on the screen: how names and sizes are shown.
OptionGroup view_options(OutputOptions& options);
// Of what is held to limits: what is shown of it.
OptionGroup check_options(OutputOptions& options);

// What is said of every file that is written.
inline constexpr std::string_view kReplacesFile =
    "The file appears, or is replaced, only when it is complete. It must differ from every file "
    "that is read.";

// The option that names the snapshot to write.
Option snapshot_output(std::string& path);

// Throws Error where the output is one of the inputs: the same file, under whatever name. Standard
// input and output count by what they are; pipes and devices are never the same.
void refuse_own_input(const std::string& output, std::span<const std::string> inputs);

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
