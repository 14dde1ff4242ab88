// The snapshots that one process writes, one after the other.
#pragma once

#include <cstdint>

#include "runtime/snapshot/snapshot_name.hpp"
#include "runtime/snapshot/whole_file.hpp"

namespace memtrace::runtime {

// Where the pattern has no numbers, the newest snapshot has the plain name and an earlier one gets
// its number when the next comes.
class Series {
 public:
  // `keep`: how many of the newest stay; 0: all.
  Series(const SnapshotName& name, std::uint64_t keep) : name_(name), keep_(keep) {}

  // Where the snapshot `number` will be: its folder is where the file must be made.
  void write_path(PathBuffer& path, std::uint64_t number) const { name_.write(path, number); }

  // Names the snapshot `number`, then removes the one that is too old. At each moment the newest
  // complete snapshot has a name. false: see the file's error.
  bool publish(WholeFile& file, std::uint64_t number, PathBuffer& path) const;

 private:
  void keep_earlier(const PathBuffer& newest, std::uint64_t number) const;
  void remove_oldest(std::uint64_t number) const;

  const SnapshotName& name_;
  std::uint64_t keep_;
};

}  // namespace memtrace::runtime
