// What the groups of a report are, and which node belongs to which.
#pragma once

#include <compare>
#include <memory>
#include <span>
#include <vector>

#include "mtrace/report.hpp"

namespace memtrace {

// A frame as text.
FrameView view_of(const Tracebacks& tables, const Frame& frame);

// Groups over one set of tables. By traceback, a group is a node and has its number; by domain, a
// group is a domain and has its number; else a group is a set of frames with an equal key.
// Immutable once made.
class Grouping {
 public:
  // `former`: of frames that moved, their lines before; empty: none did.
  Grouping(GroupBy group_by, std::shared_ptr<const Tracebacks> tables,
           IdVector<DomainId, Domain> domains, IdVector<FrameId, std::uint32_t> former = {});

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] GroupBy group_by() const { return group_by_; }
  [[nodiscard]] const Tracebacks& tables() const { return *tables_; }
  [[nodiscard]] std::shared_ptr<const Tracebacks> shared_tables() const { return tables_; }

  // Not by domain.
  [[nodiscard]] GroupId group_of(NodeId node) const {
    if (group_by_ == GroupBy::traceback) return GroupId{static_cast<std::uint32_t>(node)};
    return group_of_frame_[tables_->nodes[node].frame];
  }

  // Oldest frame first: lists of (filename, lineno, function, module, offset); domains by number.
  // Total: two groups are never equal. Allocates nothing.
  [[nodiscard]] std::strong_ordering compare(GroupId a, GroupId b) const;

  void traceback(GroupId group, std::vector<FrameView>& frames) const;
  // By line, file or function: what all frames of the group have in common.
  [[nodiscard]] const Frame& frame(GroupId group) const { return keys_[group]; }
  [[nodiscard]] const Domain& domain(GroupId group) const {
    return domains_[DomainId{static_cast<std::uint32_t>(group)}];
  }

 private:
  void group_frames();
  bool group_sorted_frames();
  void add_group(const Frame& key, const Frame& frame);
  void add_to_group(GroupId group, const Frame& frame);
  [[nodiscard]] GroupId last_group() const {
    return GroupId{static_cast<std::uint32_t>(keys_.size() - 1)};
  }
  void group_modules();
  void find_former_lines();
  [[nodiscard]] FrameView view(FrameId id) const;
  [[nodiscard]] Frame key_of(const Frame& frame) const;
  [[nodiscard]] std::strong_ordering compare_nodes(NodeId a, NodeId b) const;

  GroupBy group_by_;
  std::shared_ptr<const Tracebacks> tables_;
  IdVector<DomainId, Domain> domains_;
  IdVector<FrameId, std::uint32_t> former_;      // line before; 0 or empty: the same
  IdVector<GroupId, std::uint32_t> former_of_;   // the same by line
  IdVector<FrameId, GroupId> group_of_frame_;    // by frame keys
  IdVector<GroupId, Frame> keys_;                // by frame keys
  IdVector<GroupId, std::string_view> modules_;  // by module
  IdVector<NodeId, std::uint32_t> depth_;        // by traceback
};

}  // namespace memtrace
