// The snapshots of a run that are still there when it has ended.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cli/run_report.hpp"

namespace memtrace {

struct KeptSnapshot {
  pid_t process = 0;
  std::string path;
};

// Regular files, oldest first: a pipe or a device has passed its snapshots on, and old ones may
// have been removed. The first process' numbers begin behind `numbers_before`.
std::vector<KeptSnapshot> kept_snapshots(const RunReport::Content& content, pid_t first_process,
                                         std::uint64_t numbers_before);

}  // namespace memtrace
