// Info for people: one "key  value" line for everything that is known.
#include <fmt/format.h>

#include "render/columns.hpp"
#include "render/escape.hpp"
#include "render/formats.hpp"
#include "render/quantity.hpp"
#include "render/sink_buffer.hpp"
#include "render/timestamp.hpp"

namespace memtrace {
namespace {

// Wider than every key.
constexpr std::size_t kKeyWidth = 18;

class Facts {
 public:
  Facts(Sink& sink, const Style& style) : buffer_(sink), style_(style) {}

  void text(std::string_view key, const std::string& value) {
    if (value.empty()) return;
    buffer_.text() += painted(key, Ink::dim, style_.color);
    buffer_.text().append(kKeyWidth - key.size(), ' ');
    buffer_.text() += value;
    buffer_.text() += '\n';
    buffer_.line_done();
  }
  void size(std::string_view key, const std::optional<std::uint64_t>& bytes) {
    if (bytes) text(key, exact_size(*bytes));
  }
  void count(std::string_view key, std::uint64_t number) { text(key, grouped_digits(number)); }
  void time(std::string_view key, const std::optional<std::int64_t>& moment) {
    if (moment) text(key, utc_time(*moment));
  }

  // "812.4 MiB (851,865,600 bytes)"
  [[nodiscard]] std::string exact_size(std::uint64_t bytes) const {
    if (style_.plain_bytes) return fmt::format("{} bytes", bytes);
    if (bytes < 1024) return counted(bytes, "byte", "bytes");
    return fmt::format("{} ({} bytes)", human_size(bytes, style_), grouped_digits(bytes));
  }

  void finish() { buffer_.flush(); }

 private:
  SinkBuffer buffer_;
  const Style& style_;
};

void append_process(Facts& facts, const Metadata& metadata) {
  facts.text("program", escaped(metadata.program));
  facts.text("command", shell_words(metadata.command));
  if (metadata.pid) facts.text("pid", fmt::format("{}", *metadata.pid));
  facts.text("host", escaped(metadata.host));
  facts.time("started", metadata.started);
  facts.time("taken", metadata.created);
  if (metadata.merged > 1) facts.text("merged from", counted(metadata.merged, "", "snapshots"));
}

void append_tracing(Facts& facts, const Metadata& metadata) {
  facts.size("traced now", metadata.current);
  facts.size("traced at peak", metadata.peak);
  facts.size("tracer's memory", metadata.tracer_memory);
  if (metadata.traceback_limit) {
    facts.text("traceback limit", counted(*metadata.traceback_limit, "frame", "frames"));
  }
  if (metadata.sampling_rate) {
    facts.text("sampled", "every " + facts.exact_size(*metadata.sampling_rate) + " on average");
  }
}

void append_losses(Facts& facts, const Losses& losses) {
  facts.text("truncated",
             counted(losses.truncated_tracebacks, "block's traceback", "blocks' tracebacks"));
  facts.text("not recorded", counted(losses.dropped_blocks, "block", "blocks"));
  facts.text("unknown frees", grouped_digits(losses.unknown_frees));
  if (losses.missing_threads > 0) {
    facts.text("missing threads", grouped_digits(losses.missing_threads));
  }
}

void append_content(Facts& facts, const SnapshotInfo& info) {
  for (const Metric metric : kMetrics) {
    const std::optional<Amount>& total = info.totals[static_cast<std::size_t>(metric)];
    if (!total) continue;
    facts.text(name_of(metric),
               fmt::format("{} in {}", facts.exact_size(static_cast<std::uint64_t>(total->size)),
                           counted(static_cast<std::uint64_t>(total->count), "block", "blocks")));
  }
  if (!info.counts) return;
  facts.count("rows", info.counts->rows);
  facts.count("traceback nodes", info.counts->nodes);
  facts.count("frames", info.counts->frames);
  facts.count("modules", info.counts->modules);
  facts.count("strings", info.counts->strings);
  facts.count("domains", info.counts->domains);
}

}  // namespace

void info_as_table(const SnapshotInfo& info, std::string_view path, const Style& style,
                   Sink& sink) {
  Facts facts(sink, style);
  const Metadata& metadata = info.metadata;
  facts.text("file", path == "-" ? "standard input" : escaped(path));
  facts.text("kind", fmt::format("{} snapshot", name_of(info.kind)));
  facts.text("format", escaped(info.format));
  facts.text("encoding", escaped(info.encoding));
  facts.size("size", info.file_size);
  append_process(facts, metadata);
  append_tracing(facts, metadata);
  if (info.counts) append_losses(facts, metadata.losses);
  append_content(facts, info);
  if (!info.counts) {
    facts.text("totals", path == "-"
                             ? "not in the header; mtrace top counts them"
                             : "not in the header; mtrace top " +
                                   shell_words(std::array{std::string(path)}) + " counts them");
  }
  facts.finish();
}

}  // namespace memtrace
