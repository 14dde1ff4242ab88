// Every traceback that was ever seen, and the names in it, each once.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/container/append_only.hpp"
#include "runtime/container/keyed_hash.hpp"
#include "runtime/counters/record_shard.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/stacks/known_stacks.hpp"
#include "runtime/stacks/module_table.hpp"
#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// Names of files and functions, each once, in the tracer's own memory. Used under its owner's lock,
// but for texts(), whose items never change.
class TextTable {
 public:
  // IdIndex::kNotFound where there is no memory.
  std::uint32_t id_of(std::string_view text);

  [[nodiscard]] const AppendOnly<std::string_view>& texts() const { return texts_; }

 private:
  static constexpr std::uint32_t kMostTexts = 1U << 26;

  const char* copy(std::string_view text);

  AppendOnly<std::string_view> texts_{kMostTexts};
  IdIndex texts_by_content_;
  char* room_ = nullptr;
  std::size_t room_size_ = 0;
};

// Every traceback that was ever seen, each once: as a path in a tree, with a record for each domain
// that it allocated in.

// What a record counts.
struct RecordKey {
  std::uint32_t node = 0;
  std::uint32_t domain : 31 = 0;
  std::uint32_t truncated : 1 = 0;  // the stack has more frames than were kept
  std::uint32_t all_frames = 0;     // how many it has; 0: not counted
};

class TracebackTable {
 public:
  // Before tracing starts; false where there is no memory.
  bool prepare();
  // Undoes it, where tracing does not start after all.
  void release();

  // The record of a traceback (most recent frame first) in a domain. Known ones are found without a
  // lock, by a 64-bit keyed hash of their addresses; a new one costs about a microsecond. kNoRecord
  // where there is no memory.
  RecordId record_of(std::span<const UnwoundFrame> frames, bool truncated, std::uint32_t domain);

  // The location of a frame of the machine, or of a source line. IdIndex::kNotFound where there is
  // no memory.
  std::uint32_t machine_location(const UnwoundFrame& frame);
  std::uint32_t source_location(std::string_view file, std::string_view function,
                                std::uint32_t line);
  // The record of a path of locations (most recent first) that begins below the key's node.
  // `nodes`, as long as the path, becomes those on it, outermost first. kNoRecord where there is no
  // memory.
  RecordId record_of_path(std::span<const std::uint32_t> locations, RecordKey key,
                          std::uint32_t* nodes);

  [[nodiscard]] const ModuleTable& modules() const { return modules_; }
  [[nodiscard]] const TextTable& texts() const { return texts_; }
  [[nodiscard]] const AppendOnly<CodeLocation>& locations() const { return locations_; }
  [[nodiscard]] const AppendOnly<NodeRecord>& nodes() const { return nodes_; }
  [[nodiscard]] const AppendOnly<RecordKey>& records() const { return records_; }

  // Around a fork.
  Lock& lock() { return lock_; }

  // Frames at addresses in [begin, end) are left out from now on: functions of the tracer's that
  // stand in front of the program's, and call on.
  void leave_out(std::uintptr_t begin, std::uintptr_t end) {
    left_out_begin_ = begin;
    left_out_end_ = end;
  }

 private:
  static constexpr std::uint32_t kMostLocations = 1U << 28;
  static constexpr std::uint32_t kMostNodes = 1U << 28;

  // The latest new traceback, outermost frame first: the next one most often begins like it.
  struct LatestStep {
    UnwoundFrame frame;
    std::uint32_t node = 0;
  };
  struct LatestTraceback {
    std::uint32_t generation = 0;
    std::size_t depth = 0;
    std::array<LatestStep, kMostFrames> steps;
  };
  // A call's location by its address.
  struct LocationOfCall {
    std::uintptr_t pc = 0;
    std::uint32_t generation = 0;
    std::uint32_t location = 0;
  };

  RecordId add(std::span<const UnwoundFrame> frames, bool truncated, std::uint32_t domain,
               std::uint32_t generation);
  std::uint32_t location_of(const UnwoundFrame& frame, std::uint32_t generation);
  std::uint32_t id_of(const CodeLocation& location);
  std::uint32_t node_of(std::uint32_t parent, std::uint32_t location);
  RecordId record_of(const RecordKey& key);

  std::uintptr_t left_out_begin_ = 0, left_out_end_ = 0;
  Lock lock_{LockRank::tracebacks};
  LatestTraceback latest_{};
  std::array<LocationOfCall, 2048> known_locations_{};
  KnownStacks known_;
  ModuleTable modules_;
  TextTable texts_;
  AppendOnly<CodeLocation> locations_{kMostLocations};
  IdIndex locations_by_content_;
  AppendOnly<NodeRecord> nodes_{kMostNodes};
  // By node; 0: it has none. Most nodes have one child, which was made right after them: following
  // a path needs no hashing, and most of what it reads are neighbours.
  AppendOnly<std::uint32_t> first_children_{kMostNodes};
  IdIndex other_children_;
  AppendOnly<RecordKey> records_{1U << kRecordIdBits};
  IdIndex records_by_content_;
};

}  // namespace memtrace::runtime
