// Lines of source in several snapshots, perhaps of several builds, by their places in the last one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mtrace/selection.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// What a snapshot uses of the tables that it shares with others.
struct SnapshotNodes {
  IdVector<NodeId, char> used;  // nodes with blocks of their own
  std::string process{};        // the one it is of; empty: not known
};

// Tells processes apart; empty where the snapshot does not say enough.
std::string process_of(const Metadata& metadata);

// Whether lines may be elsewhere in some of the snapshots: not where they are matched by number, or
// where all are of one process.
bool may_move(std::span<const std::string> processes, MatchBy match);

struct FollowedLines {
  std::shared_ptr<const Tracebacks>
      tables;  // to go on with; those that came in where nothing moved
  std::vector<IdVector<NodeId, NodeId>> node_of;  // per snapshot: node -> node; empty: ids stay
  // Frame -> its line in the oldest snapshot, where that was another; 0: it was not. Empty: nothing
  // moved.
  IdVector<FrameId, std::uint32_t> former;
  std::uint64_t lines = 0;  // that moved
};

// The oldest snapshot comes first.
//
// Lines are followed from one build to the next where align_lines() can tell: in the files whose
// lines differ, for functions that are known. Snapshots of one process are of one build, and code
// in a module whose build id stayed is the same. A line that was not found again stays what it was,
// even if its number is another function's now.
FollowedLines follow_lines(const std::shared_ptr<const Tracebacks>& tables,
                           std::vector<SnapshotNodes> snapshots, MatchBy match);

}  // namespace memtrace
