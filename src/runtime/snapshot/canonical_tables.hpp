// A snapshot's tables in the order in which the file holds them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "runtime/os/mapped_array.hpp"
#include "runtime/snapshot/canonical_frames.hpp"
#include "runtime/tracer/snapshot_data.hpp"

namespace memtrace::runtime {

struct CanonicalNode {
  std::uint32_t up = 0;  // steps towards the root from the node before it
  std::uint32_t frame = 0;
};

// Live, peak and total, size and count each: the file's columns in their order.
inline constexpr std::size_t kColumns = 6;

struct CanonicalRow {
  std::uint32_t node = 0;  // the root is 0, so that the first node is 1
  std::uint32_t domain = 0;
  std::array<std::uint64_t, kColumns> values{};
  std::array<double, kColumns> variances{};
};

// Sorts what a snapshot uses into the order that formats/snapshot.md prescribes, and leaves out the
// rest. Linear in nodes and rows. The data must outlive it.
class CanonicalTables {
 public:
  explicit CanonicalTables(const SnapshotData& data) : data_(data), frames_(data) {}

  // Once, before anything else. false where memory ran out.
  bool build();

  [[nodiscard]] std::span<const std::string_view> strings() const { return frames_.strings(); }
  [[nodiscard]] std::span<const CanonicalModule> modules() const { return frames_.modules(); }
  [[nodiscard]] std::span<const CanonicalFrame> frames() const { return frames_.frames(); }
  [[nodiscard]] std::span<const CanonicalNode> nodes() const { return nodes_.items(); }
  [[nodiscard]] std::span<const std::uint32_t> domains() const { return domains_.items(); }
  [[nodiscard]] std::span<const CanonicalRow> rows() const { return rows_.items(); }

 private:
  // A node while its place is looked for. 0 is the root, which is nobody's child: "none".
  struct Link {
    std::uint32_t parent = 0;
    std::uint32_t frame = 0;
    std::uint32_t next = 0;   // sibling
    std::uint32_t child = 0;  // the first one; the node's new number once it has one
  };

  struct LinkedNode {
    std::uint32_t node = 0;
    std::uint32_t parent = 0;
  };

  bool allocate();
  void mark_used();
  bool merge_equal_nodes();
  bool link_nodes();
  void link_children(std::span<const LinkedNode> order);
  bool number_nodes();
  bool sort_domains();
  bool sort_rows();
  void add_row(std::uint64_t key, const SnapshotRow& row);
  [[nodiscard]] std::uint32_t link_of(std::uint32_t node) const;

  const SnapshotData& data_;
  CanonicalFrames frames_;
  MappedArray<std::uint8_t> used_;  // by the data's node
  MappedArray<Link> links_;         // by the data's node, and one for blocks without traceback
  MappedArray<std::uint32_t> merged_into_;  // the data's node -> the equal one; where any are
  bool unknown_ = false;                    // some block has no traceback
  std::uint32_t used_nodes_ = 0;

  MappedArray<CanonicalNode> nodes_;
  MappedArray<std::uint32_t> domains_;
  MappedArray<CanonicalRow> rows_;
};

}  // namespace memtrace::runtime
