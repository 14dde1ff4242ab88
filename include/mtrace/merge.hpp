// Adds up snapshots of many processes or of many runs.
#pragma once

#include <memory>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// Adds snapshots one by one, so that only one of them needs to be in memory beside the sum. Sizes
// and counts of equal tracebacks in equal domains add up. The sum lacks a metric that any of them
// lacks. The sum of the peaks is an upper bound, because the processes may have reached them at
// different moments.
class MTRACE_API Merger {
 public:
  Merger();
  ~Merger();
  Merger(const Merger&) = delete;
  Merger& operator=(const Merger&) = delete;

  // Throws Error if a sum exceeds 2^63.
  void add(const Snapshot& snapshot);
  // Returns the sum and leaves the merger empty. Throws Error if nothing was added.
  Snapshot finish();

 private:
  struct Sum;
  std::unique_ptr<Sum> sum_;
};

}  // namespace memtrace
