// massif's output: a list of snapshots, of which some have a tree of where memory came from.
//
//   desc: ...              snapshot=12                n2: 5000 (heap allocation functions) ...
//   cmd: ./app             time=1807680                n1: 4000 0x10921A: load (app.c:13)
//   time_unit: i           mem_heap_B=5000              n0: 4000 0x109280: main (app.c:20)
//                          heap_tree=peak              n0: 1000 in 9 places, all below ...
//
// The digits behind "n" are how many lines, each one space deeper, belong to a line.
#include <fmt/format.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "mtrace/error.hpp"
#include "read/foreign_snapshot.hpp"
#include "read/input_format.hpp"
#include "read/line_reader.hpp"
#include "read/valgrind_frames.hpp"

namespace memtrace {
namespace {

class MassifReader {
 public:
  explicit MassifReader(Input& input) : lines_(input) {}

  Snapshot read(const ReadOptions& options) {
    std::string_view line;
    while (lines_.next(line)) take(line);
    end_snapshot();
    if (snapshots_ == 0) lines_.fail("it has no snapshot: it is cut");
    std::vector<Metric> available{Metric::live};
    if (peak_) available.push_back(Metric::peak);
    SnapshotBuilder builder(wanted_metrics(available, options, "this massif output"));
    for (const Metric metric : wanted_metrics(available, options, "this massif output")) {
      add(metric == Metric::live ? current_ : *peak_, metric, builder);
    }
    describe(builder.metadata());
    return builder.finish();
  }

 private:
  // A line of a tree: what of it no deeper line has is its own.
  struct TreeLine {
    std::int64_t own = 0;    // bytes
    std::size_t caller = 0;  // of the line's function: the line that it is below
    std::string text{};      // empty: of the line above, below its threshold
  };
  struct HeapSnapshot {
    std::optional<std::int64_t> size{};  // bytes
    bool is_peak = false;
    std::vector<TreeLine> tree{};
  };
  struct OpenLine {
    std::size_t line = 0;
    std::uint64_t missing = 0;  // lines below it
  };

  void take(std::string_view line) {
    if (!open_.empty()) {
      tree_line(line);
      return;
    }
    LinePieces pieces(line);
    if (line.empty() || line.front() == '#') return;
    if (snapshots_ == 0 && (pieces.take("desc:") || pieces.take("time_unit:"))) return;
    if (snapshots_ == 0 && pieces.take("cmd:")) {
      command(pieces);
    } else if (pieces.take("snapshot=")) {
      end_snapshot();
      current_ = {};
      ++snapshots_;
    } else if (pieces.take("mem_heap_B=")) {
      std::uint64_t size = 0;
      if (!pieces.decimal(size) || !pieces.empty() || size > kMost) damaged(line);
      current_.size = static_cast<std::int64_t>(size);
    } else if (pieces.take("heap_tree=")) {
      current_.is_peak = pieces.rest() == "peak";
      has_tree_ = current_.is_peak || pieces.rest() == "detailed";
      if (!has_tree_ && pieces.rest() != "empty") damaged(line);
      if (has_tree_) open_.push_back({0, 1});
    } else if (!line.starts_with("time=") && !line.starts_with("mem_heap_extra_B=") &&
               !line.starts_with("mem_stacks_B=")) {
      damaged(line);
    }
  }

  void command(LinePieces& pieces) {
    for (std::string_view word = pieces.word(); !word.empty(); word = pieces.word()) {
      command_.push_back(as_utf8(word));
    }
  }

  void tree_line(std::string_view line) {
    const std::size_t depth = open_.size() - 1;
    const std::size_t spaces = std::min(line.find_first_not_of(' '), line.size());
    LinePieces pieces(line.substr(spaces));
    std::uint64_t below = 0, size = 0;
    const bool is_good = spaces == depth && pieces.take("n") && pieces.decimal(below) &&
                         pieces.take(": ") && pieces.decimal(size) && pieces.take(" ") &&
                         size <= kMost;
    if (!is_good) damaged(line);
    std::vector<TreeLine>& tree = current_.tree;
    const std::size_t above = open_.back().line;
    TreeLine added{.own = static_cast<std::int64_t>(size), .caller = above};
    if (depth != 0) {
      // "in 9 places, all below massif's threshold" has no function.
      if (pieces.rest().starts_with("0x")) added.text = pieces.rest();
      if (tree[above].own < added.own) {
        lines_.fail("damaged: a function has less than those that call it");
      }
      tree[above].own -= added.own;
    }
    tree.push_back(std::move(added));
    --open_.back().missing;
    open_.push_back({tree.size() - 1, below});
    while (!open_.empty() && open_.back().missing == 0) open_.pop_back();
  }

  void end_snapshot() {
    if (snapshots_ == 0) return;
    if (!open_.empty()) lines_.fail("it ends in the middle of a tree: it is cut");
    if (!current_.size) lines_.fail("damaged: a snapshot has no mem_heap_B");
    highest_ = std::max(highest_, *current_.size);
    if (current_.is_peak) peak_ = current_;
  }

  // What the tree does not say is of unknown origin.
  static void add(const HeapSnapshot& snapshot, Metric metric, SnapshotBuilder& builder) {
    BoundedTracebacks tracebacks(builder.tracebacks());
    const DomainId domain = builder.domain(1, "native");
    const NodeId unknown = tracebacks.builder().unknown_node();
    if (snapshot.tree.empty()) {
      builder.add(unknown, domain, metric, {*snapshot.size, 0});
      return;
    }
    const std::vector<TreeLine>& tree = snapshot.tree;
    std::uint64_t work = 0;
    for (std::size_t i = 0; i < tree.size(); ++i) {
      if (tree[i].own == 0) continue;
      // From the oldest caller that is known to the function that allocated.
      NodeId node = kRoot;
      std::optional<ValgrindFrame> caller;
      for (std::size_t at = i; at != 0; at = tree[at].caller) {
        if (++work > kMostWork) throw Error("its trees are deeper than stacks can be");
        const auto frame = parse_valgrind_frame(tree[at].text);
        if (!frame) continue;
        const FrameId added = add_frame(*frame, caller ? &*caller : nullptr, tracebacks.builder());
        node = tracebacks.child(node, added, kMostWork);
        caller = frame;
      }
      builder.add(node == kRoot ? unknown : node, domain, metric, {tree[i].own, 0});
    }
  }

  void describe(Metadata& metadata) {
    metadata.kind = SnapshotKind::massif;
    metadata.command = command_;
    if (!command_.empty()) metadata.program = command_.front();
    metadata.current = static_cast<std::uint64_t>(*current_.size);
    metadata.peak = static_cast<std::uint64_t>(highest_);
  }

  [[noreturn]] void damaged(std::string_view line) const {
    constexpr std::size_t kShown = 40;
    lines_.fail(fmt::format("damaged: this is no line of massif's: '{}{}'",
                            as_utf8(line.substr(0, kShown)), line.size() > kShown ? "…" : ""));
  }

  static constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  // Frames of all tracebacks of a tree. massif cuts stacks at 200 frames, at most.
  static constexpr std::uint64_t kMostWork = std::uint64_t{1} << 26;

  LineReader lines_;
  std::vector<std::string> command_;
  std::uint64_t snapshots_ = 0;
  HeapSnapshot current_;  // the last one that began
  bool has_tree_ = false;
  std::vector<OpenLine> open_;  // of a tree in the middle of being read, outermost first
  std::optional<HeapSnapshot> peak_;
  std::int64_t highest_ = 0;
};

// --- the format ---

bool recognizes_massif(const OpenInput& input) {
  return input.start.starts_with("desc: ") || input.start.starts_with("desc:\n");
}

Snapshot read_massif(OpenInput& input, const ReadOptions& options) {
  return MassifReader(input.bytes).read(options);
}

SnapshotInfo info_of_massif(OpenInput& input, bool /*timelines*/) {
  return info_of(read_massif(input, {}), "massif output");
}

}  // namespace

constinit const InputFormat kMassifOutput = {recognizes_massif, read_massif, info_of_massif};

}  // namespace memtrace
