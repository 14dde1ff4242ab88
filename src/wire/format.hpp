// The snapshot file's constants and layout, shared by the runtime that writes and the reader.
// formats/snapshot.md is the specification; this header says the same in C++.
//
// A file is a series of sections. Each is two zstd frames:
//
//   | skippable frame, 48 bytes              | zstd frame with checksum and content size |
//   | magic 4 | size 4 | section header 40   | the payload, compressed                   |
//
// so that every zstd tool unpacks it, and a reader skips what it does not want without unpacking.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace memtrace::wire {

inline constexpr std::uint32_t kSkippableMagic = 0x184D2A5D;
inline constexpr std::array<char, 4> kMagic = {'m', 't', 'r', 'c'};
inline constexpr std::uint16_t kMajorVersion = 1;
// The newest that there is. A file says the lowest one that has all its kinds and keys.
inline constexpr std::uint16_t kMinorVersion = 1;

// The section header, little-endian:
//
//   0  magic "mtrc"          16  raw size u64         32  check u64: XXH64 of bytes 0 to 31, seed 0
//   4  major u16, minor u16  24  compressed size u64
//   8  kind u32
//  12  items u32
inline constexpr std::size_t kHeaderSize = 40;
inline constexpr std::size_t kSkippableHeaderSize = 8;
inline constexpr std::size_t kFrontSize = kSkippableHeaderSize + kHeaderSize;

// A payload is never larger; a longer table goes on in further sections of its kind.
inline constexpr std::uint64_t kMaxRawSize = std::uint64_t{16} << 20;

// Deeper tracebacks are refused (CPython's own limit is 65535 frames).
inline constexpr std::uint32_t kMaxDepth = 1U << 20;

// A longer timeline is refused: this is one point every half minute for a year.
inline constexpr std::size_t kMaxTimelinePoints = std::size_t{1} << 20;

// From Key::resident to Key::free.
inline constexpr std::size_t kMemoryAmounts = 11;

enum class Section : std::uint32_t {
  metadata = 1,
  strings = 2,
  modules = 3,
  frames = 4,
  nodes = 5,
  domains = 6,
  row_nodes = 7,
  row_domains = 8,
  live_size = 9,
  live_count = 10,
  peak_size = 11,
  peak_count = 12,
  total_size = 13,
  total_count = 14,
  timeline = 15,
  end = 16,  // the last one, whatever its number
  live_size_variance = 17,
  live_count_variance = 18,
  peak_size_variance = 19,
  peak_count_variance = 20,
  total_size_variance = 21,
  total_count_variance = 22,
  memory_timeline = 23,
};

// Whether the reader knows what such a section holds.
constexpr bool is_known(Section section) {
  return section >= Section::metadata && section <= Section::memory_timeline;
}

// Where a section of that kind stands among the others.
constexpr std::uint32_t order_of(Section section) {
  return section == Section::end ? std::numeric_limits<std::uint32_t>::max()
                                 : static_cast<std::uint32_t>(section);
}

std::string_view name_of(Section section);

// Keys of the metadata section. A reader passes over a key that it does not know.
enum class Key : std::uint32_t {
  kind = 1,
  program = 2,
  command_argument = 3,  // once an argument, in order
  pid = 4,
  host = 5,
  started = 6,
  created = 7,
  traceback_limit = 8,
  current = 9,
  peak = 10,
  tracer_memory = 11,
  sampling_rate = 12,
  merged = 13,
  truncated_tracebacks = 14,
  dropped_blocks = 15,
  unknown_frees = 16,
  missing_threads = 17,
  work = 18,
  label = 19,  // once a label, ascending by name
  // How many there are in all sections of a kind.
  strings = 32,
  modules = 33,
  frames = 34,
  nodes = 35,
  domains = 36,
  rows = 37,
  // Sums of the columns, present where the column is.
  live_size = 48,
  live_count = 49,
  peak_size = 50,
  peak_count = 51,
  total_size = 52,
  total_count = 53,
  // What the system sees of the process, and what the program's allocator says, in bytes.
  resident = 64,
  anonymous = 65,
  file_pages = 66,
  shared = 67,
  huge_pages = 68,
  resident_peak = 69,
  swapped = 70,
  cgroup_use = 71,
  cgroup_limit = 72,
  held = 73,
  free = 74,
  allocator = 80,  // its name
};

struct SectionHeader {
  std::uint16_t major = kMajorVersion;
  std::uint16_t minor = 0;
  Section section = Section::end;
  std::uint32_t items = 0;
  std::uint64_t raw_size = 0;
  std::uint64_t compressed_size = 0;
};

}  // namespace memtrace::wire
