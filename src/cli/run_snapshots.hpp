// The snapshots of a run: where they go, what earlier runs left there, what is there at the end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cli/run_report.hpp"

namespace memtrace {

inline constexpr const char* kDefaultPattern = "mtrace.%e.%p.zst";

// The pattern as an absolute path: the program may change its folder. A folder stands for the
// default name in it. Throws Error where a conversion is unknown, or where snapshots are certain
// not to be written: what fails fails before hours have been spent.
std::string absolute_pattern(const std::string& output);

// How many snapshots a process counts as its own earlier ones, so that it replaces none of those
// that are there: the highest number among them, and one more where the newest has the plain name,
// which the next snapshot of a series turns into an earlier one. 0 where names differ by process.
// `pattern` is an absolute path.
std::uint64_t number_of_last_snapshot(const std::string& pattern);

struct KeptSnapshot {
  pid_t process = 0;
  std::string path;
};

// Regular files, oldest first: a pipe or a device has passed its snapshots on, and old ones may
// have been removed. The first process' numbers begin behind `numbers_before`.
std::vector<KeptSnapshot> kept_snapshots(const RunReport::Content& content, pid_t first_process,
                                         std::uint64_t numbers_before);

// Replaces addresses by lines in all of them, so that they can be read where the program is not.
// Each file is replaced whole or stays as it was; what goes wrong is a warning. SIGINT, SIGTERM and
// SIGHUP end it, and this process with `status`.
void symbolize_written(const std::vector<KeptSnapshot>& kept, int status);

}  // namespace memtrace
