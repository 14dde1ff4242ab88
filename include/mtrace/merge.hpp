// Adding up snapshots: of many processes, or of many runs.
#pragma once

#include <memory>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// Adds snapshots one by one, so that only one of them need be in memory beside the sum. Sizes and
// counts of equal tracebacks in equal domains add up. A metric that one of them lacks is lost;
// peaks add up although the processes did not reach them at the same moment, so the sum is an upper
// bound.
class MTRACE_API Merger {
 public:
  Merger();
  ~Merger();
  Merger(const Merger&) = delete;
  Merger& operator=(const Merger&) = delete;

  // Throws Error where sums pass 2^63.
  void add(const Snapshot& snapshot);
  // The sum. Leaves the merger empty. An Error if nothing was added.
  Snapshot finish();

 private:
  struct Sum;
  std::unique_ptr<Sum> sum_;
};

}  // namespace memtrace
