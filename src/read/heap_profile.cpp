// Heap profiles in text, as jemalloc and gperftools write them, and Go with debug=1. All three have
// stacks of addresses, most recent first, and may end with the memory map:
//
//   heap_v2/524288                                   jemalloc; a line "t*" for all threads and one
//     t*: 28106: 56637512 [0: 0]                     for each, behind the first line and each stack
//   @ 0x5583a1 0x5583b2
//     t*: 13: 6688 [0: 0]
//
//   heap profile:  20: 20190 [ 329: 234153] @ heapprofile            the others; "heap_v2/524288",
//     20: 20190 [ 20: 20190] @ 0x5583a1 0x5583b2                     where it is sampled
//
//   MAPPED_LIBRARIES:
//
// The numbers are blocks and bytes: alive, and in brackets ever allocated. A symbolized profile
// begins with "--- symbol" and names for addresses.
#include <fmt/format.h>
#include <tsl/robin_map.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "model/frame_hash.hpp"
#include "mtrace/error.hpp"
#include "read/foreign_snapshot.hpp"
#include "read/input_format.hpp"
#include "read/line_reader.hpp"
#include "read/loaded_modules.hpp"

namespace memtrace {
namespace {

constexpr std::string_view kJemallocStart = "heap_v2/", kOthersStart = "heap profile:";
constexpr std::string_view kSymbolsStart = "--- symbol";

class HeapProfileReader {
 public:
  explicit HeapProfileReader(Input& input) : lines_(input) {}

  Snapshot read(const ReadOptions& options) {
    head();
    if (kind_ == SnapshotKind::jemalloc) {
      read_jemalloc();
    } else {
      read_others();
    }
    SnapshotBuilder builder(wanted_metrics(metrics(), options, "this heap profile"));
    read_map(builder.tracebacks());
    add_rows(builder, options);
    describe(builder.metadata());
    return builder.finish();
  }

  [[nodiscard]] std::string format() const {
    if (kind_ == SnapshotKind::jemalloc) return "jemalloc heap_v2";
    return "heap profile, " + (type_.empty() ? "of no type" : as_utf8(type_));
  }

 private:
  // A line of a row's comments, which Go has in place of a memory map.
  struct CommentedFrame {
    StringId function{}, filename{};
    std::uint32_t lineno = 0;
  };
  struct Stack {
    std::size_t first = 0, addresses = 0;  // in the list of all
    std::size_t first_frame = 0, frames = 0;
    Amount live{}, total{};
  };
  struct AddressHash {
    std::size_t operator()(std::uint64_t address) const { return mix(address, 0); }
  };

  // --- what stands first ---

  void head() {
    std::string_view line;
    if (!lines_.next(line)) lines_.fail("it is empty");
    if (line.starts_with(kSymbolsStart)) {
      symbols();
      if (!lines_.next(line)) lines_.fail("it ends behind the symbols: it is cut");
    }
    LinePieces pieces(line);
    std::uint64_t rate = 0;
    if (pieces.take(kJemallocStart)) {
      kind_ = SnapshotKind::jemalloc;
      if (!pieces.decimal(rate) || !pieces.empty() || rate == 0) damaged(line);
      if (rate > 1) rate_ = rate;
    } else if (pieces.take(kOthersStart)) {
      kind_ = SnapshotKind::gperftools;
      type(line, pieces);
    } else {
      lines_.fail("damaged: no heap profile stands behind the symbols");
    }
  }

  // Until a line "---" and one "--- heap".
  void symbols() {
    std::string_view line;
    bool is_over = false;
    while (!is_over && lines_.next(line)) {
      LinePieces pieces(line);
      std::uint64_t address = 0;
      if (pieces.take("binary=")) {
        program_ = as_utf8(pieces.rest());
      } else if (pieces.take("0x") && pieces.hexadecimal(address)) {
        pieces.skip_spaces();
        names_.insert_or_assign(address, as_utf8(pieces.rest()));
      }
      is_over = line.starts_with("---");
    }
    if (!is_over || !lines_.next(line) || !line.starts_with("--- heap")) {
      lines_.fail("damaged: a line '--- heap' is missing behind the symbols");
    }
  }

  // The sum of all and "@ heap_v2/524288".
  void type(std::string_view line, LinePieces& pieces) {
    Stack sum;
    if (!amounts(pieces, sum)) damaged(line);
    pieces.skip_spaces();
    if (!pieces.take("@")) return;
    pieces.skip_spaces();
    type_ = pieces.until('/');
    if (type_ == "heapprofile" || type_.empty()) return;
    if (!type_.starts_with("heap")) {
      throw Error(
          fmt::format("a heap profile, but not of blocks: its type is '{}'", as_utf8(type_)));
    }
    constexpr std::uint64_t kUnlessSaid = std::uint64_t{128} << 10;
    std::uint64_t period = 0;
    if (!pieces.decimal(period) || period == 0) period = kUnlessSaid;
    // The first version said twice the average.
    rate_ = type_.ends_with("_v2") ? period : std::max<std::uint64_t>(1, period / 2);
  }

  // --- stacks ---

  void read_jemalloc() {
    std::string_view line;
    bool wants_amounts = false, has_sum = false;
    while (lines_.next(line)) {
      LinePieces pieces(line);
      if (begins_map(line)) break;
      if (pieces.take("@")) {
        if (wants_amounts) lines_.fail("damaged: a stack has no amounts");
        begin_stack(line, pieces);
        wants_amounts = true;
        continue;
      }
      pieces.skip_spaces();
      if (pieces.empty()) continue;
      const bool is_sum = pieces.take("t*:");
      if (!is_sum && !(pieces.take("t") && ends_number(pieces))) damaged(line);
      Stack read;
      // A thread's name may follow.
      if (!amounts(pieces, read)) damaged(line);
      has_sum |= is_sum;
      if (!is_sum || stacks_.empty()) continue;
      if (!wants_amounts) lines_.fail("damaged: amounts without a stack");
      stacks_.back().live = read.live;
      stacks_.back().total = read.total;
      wants_amounts = false;
    }
    if (wants_amounts || !has_sum) lines_.fail("it ends in the middle of its amounts: it is cut");
  }

  static bool ends_number(LinePieces& pieces) {
    std::uint64_t thread = 0;
    return pieces.decimal(thread) && pieces.take(":");
  }

  void read_others() {
    std::string_view line;
    while (lines_.next(line)) {
      if (begins_map(line)) return;
      LinePieces pieces(line);
      pieces.skip_spaces();
      if (pieces.empty()) continue;
      if (pieces.take("#")) {
        comment(pieces);
        continue;
      }
      Stack read;
      if (!amounts(pieces, read)) damaged(line);
      pieces.skip_spaces();
      if (!pieces.take("@")) damaged(line);
      begin_stack(line, pieces);
      stacks_.back().live = read.live;
      stacks_.back().total = read.total;
    }
  }

  [[nodiscard]] static bool begins_map(std::string_view line) {
    return line.starts_with("MAPPED_LIBRARIES:") || line.starts_with("--- Memory map:");
  }

  void begin_stack(std::string_view line, LinePieces& pieces) {
    stacks_.push_back({.first = addresses_.size()});
    for (;;) {
      pieces.skip_spaces();
      if (pieces.empty()) break;
      std::uint64_t address = 0;
      pieces.take("0x");
      if (!pieces.hexadecimal(address)) damaged(line);
      addresses_.push_back(address);
    }
    stacks_.back().addresses = addresses_.size() - stacks_.back().first;
  }

  // "20: 20190 [ 329: 234153]": blocks, bytes.
  static bool amounts(LinePieces& pieces, Stack& stack) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    const auto pair = [&](Amount& amount) {
      std::uint64_t count = 0, size = 0;
      if (!pieces.decimal(count) || !pieces.take(":") || !pieces.decimal(size)) return false;
      amount = {static_cast<std::int64_t>(size), static_cast<std::int64_t>(count)};
      return count <= kMost && size <= kMost;
    };
    if (!pair(stack.live)) return false;
    pieces.skip_spaces();
    if (!pieces.take("[") || !pair(stack.total)) return false;
    pieces.skip_spaces();
    return pieces.take("]");
  }

  // "	0x4a1f	main.load+0x65	/tmp/heap.go:13", most recent first.
  void comment(LinePieces& pieces) {
    pieces.skip_spaces();
    std::uint64_t address = 0, lineno = 0;
    if (stacks_.empty() || !pieces.take("0x") || !pieces.hexadecimal(address)) return;
    if (!pieces.take("\t")) return;
    const std::string_view function = pieces.until('\t');
    pieces.skip_spaces();
    const std::size_t colon = pieces.rest().rfind(':');
    if (colon == std::string_view::npos) return;
    const std::string_view filename = pieces.rest().substr(0, colon);
    LinePieces number(pieces.rest().substr(colon + 1));
    if (!number.decimal(lineno) || lineno > std::numeric_limits<std::int32_t>::max()) return;
    Stack& stack = stacks_.back();
    if (stack.frames == 0) stack.first_frame = commented_.size();
    ++stack.frames;
    commented_.push_back({strings_.string(as_utf8(function.substr(0, function.rfind('+')))),
                          strings_.string(as_utf8(filename)), static_cast<std::uint32_t>(lineno)});
  }

  [[noreturn]] void damaged(std::string_view line) const {
    constexpr std::size_t kShown = 40;
    lines_.fail(fmt::format("damaged: this is no line of a heap profile: '{}{}'",
                            as_utf8(line.substr(0, kShown)), line.size() > kShown ? "…" : ""));
  }

  // --- what it comes to ---

  // jemalloc counts all that was ever allocated only if it is told to, and tcmalloc's samples are
  // of what is alive.
  [[nodiscard]] std::vector<Metric> metrics() const {
    const bool is_counted = kind_ == SnapshotKind::gperftools && !rate_
                                ? true
                                : std::ranges::any_of(stacks_, [&](const Stack& stack) {
                                    return kind_ == SnapshotKind::jemalloc
                                               ? stack.total != Amount()
                                               : stack.total != stack.live;
                                  });
    return is_counted ? std::vector{Metric::live, Metric::total} : std::vector{Metric::live};
  }

  void read_map(TracebackBuilder& builder) {
    std::string_view line;
    while (lines_.next(line, true)) map_.add_line(line, builder);
  }

  // The sampler took a block of so many bytes with the probability 1 - exp(-size / rate), and both
  // tools' scripts undo that for the average block of a stack.
  [[nodiscard]] Amount unsampled(const Amount& sampled) const {
    if (!rate_ || sampled.count == 0 || sampled.size == 0) return sampled;
    const auto count = static_cast<double>(sampled.count), size = static_cast<double>(sampled.size);
    const double scale = -1 / std::expm1(-size / count / static_cast<double>(*rate_));
    constexpr double kTooMuch = 0x1p63;
    if (!(size * scale < kTooMuch) || !(count * scale < kTooMuch)) {
      throw Error("sizes add up to 2^63 bytes or more");
    }
    return {std::llround(size * scale), std::llround(count * scale)};
  }

  void add_rows(SnapshotBuilder& builder, const ReadOptions& options) {
    BoundedTracebacks tracebacks(builder.tracebacks());
    const DomainId domain = builder.domain(1, "native");
    const std::vector<Metric> wanted = wanted_metrics(metrics(), options, "this heap profile");
    for (const Stack& stack : stacks_) {
      const NodeId node =
          stack.frames != 0 ? commented(stack, tracebacks) : traceback(stack, tracebacks);
      for (const Metric metric : wanted) {
        builder.add(node, domain, metric,
                    unsampled(metric == Metric::live ? stack.live : stack.total));
      }
    }
  }

  NodeId commented(const Stack& stack, BoundedTracebacks& tracebacks) {
    TracebackBuilder& builder = tracebacks.builder();
    const auto text = [&](StringId id) { return builder.string(strings_.tables().strings[id]); };
    NodeId node = kRoot;
    for (std::size_t i = stack.frames; i-- > 0;) {
      const CommentedFrame& frame = commented_[stack.first_frame + i];
      node = tracebacks.child(node,
                              builder.frame({.filename = text(frame.filename),
                                             .lineno = frame.lineno,
                                             .function = text(frame.function)}),
                              lines_.offset());
    }
    return node;
  }

  NodeId traceback(const Stack& stack, BoundedTracebacks& tracebacks) {
    NodeId node = kRoot;
    for (std::size_t i = stack.addresses; i-- > 0;) {
      const std::uint64_t address = addresses_[stack.first + i];
      if (address == 0) continue;  // where the unwinder lost its way
      for (const FrameId frame : frames_at(address, tracebacks.builder())) {
        node = tracebacks.child(node, frame, lines_.offset());
      }
    }
    return node == kRoot ? tracebacks.builder().unknown_node() : node;
  }

  // Oldest first. Names are those of the call's own address, or of where it returns to.
  const std::vector<FrameId>& frames_at(std::uint64_t address, TracebackBuilder& builder) {
    const auto [found, is_new] = frames_.try_emplace(address);
    std::vector<FrameId>& frames = found.value();
    if (!is_new) return frames;
    Frame frame = map_.modules().frame_at(address, FrameKind::return_address);
    auto name = names_.find(address - 1);
    if (name == names_.end()) name = names_.find(address);
    if (name == names_.end() || name->second.empty() || name->second.starts_with("0x")) {
      frames.push_back(builder.frame(frame));
      return frames;
    }
    frame.offset = 0;
    frame.kind = FrameKind::source;
    // Functions that were inlined stand behind the one that they were inlined into.
    std::string_view rest = name->second;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find("--"), rest.size());
      if (end != 0) {
        frame.function = builder.string(rest.substr(0, end));
        frames.push_back(builder.frame(frame));
        frame.kind = FrameKind::inlined;
      }
      rest.remove_prefix(std::min(rest.size(), end + 2));
    }
    return frames;
  }

  void describe(Metadata& metadata) {
    metadata.kind = kind_;
    metadata.program = program_.empty() ? map_.first_file() : program_;
    metadata.sampling_rate = rate_;
  }

  LineReader lines_;
  SnapshotKind kind_ = SnapshotKind::jemalloc;
  std::string type_, program_;
  std::optional<std::uint64_t> rate_;  // bytes between samples
  tsl::robin_map<std::uint64_t, std::string, AddressHash> names_;
  std::vector<std::uint64_t> addresses_;
  std::vector<Stack> stacks_;
  std::vector<CommentedFrame> commented_;
  TracebackBuilder strings_;  // of the comments
  MemoryMap map_;
  tsl::robin_map<std::uint64_t, std::vector<FrameId>, AddressHash> frames_;
};

// --- the format ---

bool recognizes_heap_profile(const OpenInput& input) {
  const std::string_view start = input.start;
  return start.starts_with(kJemallocStart) || start.starts_with(kOthersStart) ||
         start.starts_with(kSymbolsStart);
}

Snapshot read_heap_profile(OpenInput& input, const ReadOptions& options) {
  return HeapProfileReader(input.bytes).read(options);
}

SnapshotInfo info_of_heap_profile(OpenInput& input, bool /*timelines*/) {
  HeapProfileReader reader(input.bytes);
  const Snapshot snapshot = reader.read({});
  return info_of(snapshot, reader.format());
}

}  // namespace

constinit const InputFormat kHeapProfile = {recognizes_heap_profile, read_heap_profile,
                                            info_of_heap_profile};

}  // namespace memtrace
