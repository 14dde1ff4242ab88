// The snapshots that one process writes, one after the other, and what it calls them.
#pragma once

#include <linux/limits.h>

#include <cstdint>
#include <string_view>

#include "runtime/os/messages.hpp"
#include "runtime/snapshot/whole_file.hpp"

namespace memtrace::runtime {

// What a process calls its snapshots.
inline constexpr std::string_view kDefaultPattern = "mtrace.%e.%p.zst";

using PathBuffer = TextBuffer<PATH_MAX>;

// A pattern, in which %e is the program's name, %p the process id, %n the snapshot's number in four
// digits or more, and %% a percent sign. Where a number is put in front of ".zst" instead, it is
// only that: "app.7.zst".
class SnapshotName {
 public:
  // `pattern` must live on. `is_first`: of all processes that write by this pattern.
  SnapshotName(std::string_view pattern, std::string_view program, int process, bool is_first)
      : pattern_(pattern), program_(program), process_(process), is_first_(is_first) {}

  // Each snapshot has a name of its own.
  [[nodiscard]] bool is_numbered() const { return contains('n'); }

  // Of the snapshot `number`, or, where the pattern has no numbers, of the newest one.
  void write(PathBuffer& path, std::uint64_t number) const;
  // Of a snapshot that is not the newest any more: its number comes before ".zst".
  void write_earlier(PathBuffer& path, std::uint64_t number) const;

 private:
  [[nodiscard]] bool contains(char conversion) const;
  void expand(PathBuffer& path, std::uint64_t number) const;

  std::string_view pattern_, program_;
  int process_;
  bool is_first_;
};

// The snapshots that one process writes, one after the other.

// Where the pattern has no numbers, the newest snapshot has the plain name and an earlier one gets
// its number when the next comes.
class WrittenSeries {
 public:
  // `keep`: how many of the newest stay; 0: all.
  WrittenSeries(const SnapshotName& name, std::uint64_t keep) : name_(name), keep_(keep) {}

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
