// The tracebacks that a page shows, with their memory: as few as a browser draws at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/report_builder.hpp"
#include "mtrace/report.hpp"

namespace memtrace {

// What a page has room for.
struct PageLimits {
  std::size_t nodes = 200'000;
  std::size_t frames = 100'000;
};

// Of one snapshot or of two (before, after). Tracebacks that hold the least are merged where there
// are too many: each into one of two frames, `kMergedFrame` and its own most recent one, so that
// what a line itself holds stays exact. Where there are too many lines, the least of them are
// merged, too. The snapshots must outlive it.
class PageTables {
 public:
  using Amounts = std::array<Amount, kMetrics.size()>;
  using Variances = std::array<Variance, kMetrics.size()>;
  // Stands for all callers that were merged; the tables have it last, and only where it is used.
  static constexpr FrameId kMergedFrame = kNone<FrameId>;

  struct Node {
    std::uint32_t parent = 0;  // smaller than its own index
    std::uint32_t frame = 0;   // in frames()
  };
  // What is left out for want of room.
  struct Merged {
    std::uint64_t tracebacks = 0;
    std::uint64_t lines = 0;
    std::int64_t size = 0;  // bytes of the metric that was asked for, in both snapshots
  };

  PageTables(std::span<const Snapshot* const> snapshots, const Selection& selection,
             const PageLimits& limits = {});

  [[nodiscard]] const ReportBuilder& builder() const { return builder_; }
  [[nodiscard]] const Tracebacks& tables() const { return builder_.grouping().tables(); }
  [[nodiscard]] std::size_t snapshots() const { return own_.size(); }
  // Whether all the snapshots have it; whether its amounts are estimates.
  [[nodiscard]] bool has(Metric metric) const;
  [[nodiscard]] bool is_estimate(Metric metric) const;

  // The first node is the root, and no traceback.
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
  // Those that nodes refer to.
  [[nodiscard]] const std::vector<FrameId>& frames() const { return frames_; }
  // By node: what belongs to its traceback alone.
  [[nodiscard]] const std::vector<Amounts>& own(std::size_t snapshot) const {
    return own_[snapshot];
  }
  // Empty where nothing is an estimate.
  [[nodiscard]] const std::vector<Variances>& variances(std::size_t snapshot) const {
    return variances_[snapshot];
  }
  [[nodiscard]] const Merged& merged() const { return merged_; }

 private:
  using PageNodes = IdVector<NodeId, std::uint32_t>;

  void weigh();
  [[nodiscard]] double least_weight(std::size_t limit) const;
  PageNodes keep_nodes(double least);
  std::vector<FrameId> lines_without_node(const PageNodes& page_node);
  void merge_nodes(PageNodes& page_node, std::size_t limit);
  std::uint32_t page_frame(FrameId frame);
  void add_rows(const PageNodes& page_node);
  template <class Visit>
  void for_each_kept_row(std::size_t snapshot, const Visit& visit) const;

  std::vector<const Snapshot*> snapshots_;
  Metric metric_;
  ReportBuilder builder_;
  // Shares of everything selected: of the blocks of a node alone, and of all below it.
  IdVector<NodeId, double> own_weight_, weight_;
  std::vector<Node> nodes_;
  std::vector<FrameId> frames_;
  IdVector<FrameId, std::uint32_t> page_frame_;  // its index in frames_; none yet: the last number
  std::vector<std::vector<Amounts>> own_;
  std::vector<std::vector<Variances>> variances_;
  Merged merged_;
};

}  // namespace memtrace
