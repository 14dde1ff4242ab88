// What memray's `transform csv` writes: a line for each kind of block that was alive, by default at
// the moment of the highest memory:
//
//   allocator,num_allocations,size,tid,thread_name,stack_trace
//   MALLOC,1,1024,1,0x1 (MainThread),load;app.py;13|<module>;app.py;20
//
// The stack has the most recent call first. Cells with commas or quotes are in quotes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.hpp"
#include "mtrace/error.hpp"
#include "read/foreign_snapshot.hpp"
#include "read/input_format.hpp"
#include "read/line_reader.hpp"

namespace memtrace {
namespace {

constexpr std::string_view kMemrayHeader =
    "allocator,num_allocations,size,tid,thread_name,stack_trace";

class MemrayReader {
 public:
  explicit MemrayReader(Input& input) : lines_(input) {}

  Snapshot read(const ReadOptions& options) {
    SnapshotBuilder builder(wanted_metrics({Metric::live}, options, "memray's CSV"));
    tracebacks_.emplace(builder.tracebacks());
    builder.metadata().kind = SnapshotKind::memray;
    std::string_view line;
    if (!lines_.next(line) || line != kMemrayHeader)
      lines_.fail("damaged: its header is another one");
    while (next_row()) row(builder);
    return builder.finish();
  }

 private:
  enum Cell : std::uint8_t {
    allocator,
    allocations,
    size,
    tid,
    thread_name,
    stack_trace,
    cell_count
  };

  // Takes the next line apart, or several, where a cell holds newlines.
  bool next_row() {
    std::string_view line;
    if (!lines_.next(line)) return false;
    cells_used_ = 0;
    bool is_quoted = false;
    begin_cell();
    for (;;) {
      for (const char c : line) {
        if (c == '"') {
          // Two in a row stand for one: the first ends the cell, the second takes that back.
          if (!is_quoted && was_quote_) cell() += c;
          is_quoted = !is_quoted;
        } else if (c == ',' && !is_quoted) {
          begin_cell();
        } else {
          cell() += c;
        }
        was_quote_ = c == '"';
      }
      if (!is_quoted) break;
      cell() += '\n';
      if (!lines_.next(line)) lines_.fail("it ends in the middle of a row: it is cut");
    }
    if (cells_used_ != cell_count) {
      lines_.fail(fmt::format("damaged: a row has {} cells, not {}", cells_used_, +cell_count));
    }
    return true;
  }

  void begin_cell() {
    if (cells_used_ == cell_count) lines_.fail("damaged: a row has more cells than the header");
    cells_.at(cells_used_++).clear();
    was_quote_ = false;
  }
  std::string& cell() { return cells_.at(cells_used_ - 1); }

  void row(SnapshotBuilder& builder) {
    const Amount amount{number(cells_[size]), number(cells_[allocations])};
    const NodeId node = traceback();
    builder.add(node, domain(builder), Metric::live, amount);
  }

  [[nodiscard]] std::int64_t number(std::string_view text) const {
    LinePieces pieces(text);
    std::uint64_t value = 0;
    if (!pieces.decimal(value) || !pieces.empty() ||
        value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      lines_.fail(fmt::format("damaged: this is no number of bytes or blocks: '{}'",
                              as_utf8(text.substr(0, 40))));
    }
    return static_cast<std::int64_t>(value);
  }

  // The numbers and names that our own tracer has for them.
  [[nodiscard]] DomainId domain(SnapshotBuilder& builder) const {
    const std::string& name = cells_[allocator];
    if (name.starts_with("PYMALLOC")) return builder.domain(0, "python");
    if (name.starts_with("MMAP")) return builder.domain(2, "mmap");
    return builder.domain(1, "native");
  }

  NodeId traceback() {
    frames_.clear();
    std::string_view rest = cells_[stack_trace];
    while (!rest.empty()) frames_.push_back(next_frame(rest));
    NodeId node = kRoot;
    for (std::size_t i = frames_.size(); i-- > 0;) {
      node = tracebacks_->child(node, frames_[i], lines_.offset());
    }
    return node == kRoot ? tracebacks_->builder().unknown_node() : node;
  }

  // "FUNCTION;FILE;LINE", up to a "|" behind digits: names may hold others.
  FrameId next_frame(std::string_view& rest) {
    const std::size_t function_end = rest.find(';');
    for (std::size_t end = function_end; end != std::string_view::npos;) {
      end = rest.find('|', end + 1);
      const std::string_view text = rest.substr(0, end);
      const std::size_t file_end = text.find_last_not_of("0123456789");
      LinePieces digits(text.substr(file_end + 1));
      std::uint64_t lineno = 0;
      if (file_end <= function_end || text[file_end] != ';' || !digits.decimal(lineno)) continue;
      rest.remove_prefix(std::min(rest.size(), text.size() + 1));
      return frame(text.substr(0, function_end),
                   text.substr(function_end + 1, file_end - function_end - 1), lineno);
    }
    lines_.fail("damaged: a stack has no FUNCTION;FILE;LINE");
  }

  FrameId frame(std::string_view function, std::string_view filename, std::uint64_t lineno) {
    TracebackBuilder& builder = tracebacks_->builder();
    const auto string = [&](std::string_view text) {
      return text.empty() ? kNone<StringId> : builder.string(as_utf8(text));
    };
    const bool is_line = lineno <= std::numeric_limits<std::int32_t>::max();
    return builder.frame({.filename = string(filename),
                          .lineno = is_line ? static_cast<std::uint32_t>(lineno) : 0,
                          .function = string(function)});
  }

  LineReader lines_;
  std::array<std::string, cell_count> cells_;  // of the row that was read last
  std::size_t cells_used_ = 0;
  bool was_quote_ = false;
  std::vector<FrameId> frames_;
  std::optional<BoundedTracebacks> tracebacks_;
};

// --- the format ---

bool recognizes_memray(const OpenInput& input) {
  return input.start.starts_with(kMemrayHeader);
}

Snapshot read_memray(OpenInput& input, const ReadOptions& options) {
  return MemrayReader(input.bytes).read(options);
}

SnapshotInfo info_of_memray(OpenInput& input, bool /*timelines*/) {
  return info_of(read_memray(input, {}), "memray CSV");
}

}  // namespace

constinit const InputFormat kMemrayCsv = {recognizes_memray, read_memray, info_of_memray};

}  // namespace memtrace
