// Who calls a place, and whom it calls: the tree of tracebacks, seen from one place in it.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "mtrace/selection.hpp"
#include "mtrace/tree.hpp"

namespace memtrace {

// Frames that are one group are one place: those of a line, a function, a file or a module.
enum class PlaceId : std::uint32_t {};
inline constexpr PlaceId kNowhere = kNone<PlaceId>;  // what calls the oldest frame

// Of one snapshot, or of two.
struct Amounts {
  Amount before, after;

  [[nodiscard]] std::int64_t size_diff() const { return after.size - before.size; }
  [[nodiscard]] bool is_nothing() const { return before.count == 0 && after.count == 0; }
  Amounts& operator+=(const Amounts& other);
};

class CallTree {
 public:
  struct Neighbour {
    PlaceId place = kNowhere;
    Amounts amounts;
  };
  // The blocks below a place, counted once however often the place is on their tracebacks; by who
  // called it first, and by whom it called last. The callers add up to the total, the callees and
  // the own blocks, too. Biggest first; of two snapshots, the biggest changes.
  struct Neighbours {
    Amounts own, total;
    std::vector<Neighbour> callers, callees;
  };
  struct Traceback {
    NodeId node{};
    Amounts amounts;
  };

  CallTree(TracebackTree tree, GroupBy group_by);
  ~CallTree() = default;
  CallTree(const CallTree&) = delete;
  CallTree& operator=(const CallTree&) = delete;

  [[nodiscard]] const TracebackTree& tree() const { return tree_; }
  [[nodiscard]] Amounts own(NodeId node) const;
  [[nodiscard]] Amounts total(NodeId node) const;
  // Not of the root.
  [[nodiscard]] PlaceId place(NodeId node) const { return places_[tree_.frame_id(node)]; }
  // One of its frames.
  [[nodiscard]] FrameView frame(PlaceId place) const { return tree_.frame(examples_[place]); }
  // kNowhere: no traceback has it.
  [[nodiscard]] PlaceId find(const FrameView& frame) const;
  [[nodiscard]] PlaceId find_name(const std::string& name) const;
  // As tracemalloc would call it; the same in all trees of a process.
  [[nodiscard]] const std::string& name(PlaceId place) const { return *names_[place]; }

  [[nodiscard]] Neighbours neighbours(PlaceId focus) const;
  // Those that end there.
  [[nodiscard]] std::vector<Traceback> tracebacks(PlaceId focus) const;
  // Most recent frame first.
  [[nodiscard]] std::vector<FrameView> frames(NodeId node) const;

 private:
  TracebackTree tree_;
  GroupBy group_by_;
  IdVector<FrameId, PlaceId> places_;
  IdVector<PlaceId, NodeId> examples_;
  IdVector<PlaceId, const std::string*> names_;
  std::unordered_map<std::string, PlaceId> by_name_;  // has what names_ points to
};

}  // namespace memtrace
