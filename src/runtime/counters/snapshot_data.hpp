// What a snapshot is written from: the tracer's tables, and a copy of its counters at one moment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/container/append_only.hpp"
#include "runtime/os/allocator.hpp"
#include "runtime/os/process_memory.hpp"

namespace memtrace::runtime {

// Of a traceback: the machine's that are kept.
inline constexpr std::uint32_t kMostFrames = 1024;

inline constexpr std::uint32_t kNoModule = 0xFFFFFFFF;

// A shared object that is or was loaded.
struct ModuleRecord {
  const char* path = nullptr;  // NUL-terminated, the tracer's own copy
  std::array<std::uint8_t, 32> build_id{};
  std::uint8_t build_id_size = 0;  // bytes; 0: it has none
};

// A line of a program that an interpreter runs. The names are indices of texts.
struct SourceLine {
  std::uint32_t file = 0;
  std::uint32_t function = 0;  // kNoText: it has no name
  std::uint32_t line = 0;
};
inline constexpr std::uint32_t kNoText = 0xFFFFFFFF;

// An instruction in a module, by its address in the module's file (pc - load bias), so that it
// means the same after a dlclose. Without a module `offset` is the bare address. Or a source line.
struct CodeLocation {
  enum class Kind : std::uint8_t {
    return_address,
    exact_address,  // the instruction itself (interrupted by a signal), not where a call returns
    source,         // `offset` holds the names, `module` the line
  };
  std::uint64_t offset = 0;
  std::uint32_t module = kNoModule;
  Kind kind = Kind::return_address;

  static constexpr CodeLocation of_source(const SourceLine& source) {
    return {std::uint64_t{source.function} << 32 | source.file, source.line, Kind::source};
  }
  // Of kind source.
  [[nodiscard]] constexpr SourceLine source() const {
    return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(offset >> 32), module};
  }
  [[nodiscard]] constexpr bool is_exact() const { return kind == Kind::exact_address; }
  bool operator==(const CodeLocation&) const = default;
};

// Tracebacks are a tree: a node is its caller's node and its own location. Node 0 is the root, and
// a parent always has a smaller index than its children.
struct NodeRecord {
  std::uint32_t parent = 0;
  std::uint32_t location = 0;
};

template <class Number>
struct SizeAndCount {
  Number size = 0;
  Number count = 0;

  friend SizeAndCount operator+(SizeAndCount a, SizeAndCount b) {
    return {a.size + b.size, a.count + b.count};
  }
  friend SizeAndCount operator-(SizeAndCount a, SizeAndCount b) {
    return {a.size - b.size, a.count - b.count};
  }
  friend SizeAndCount& operator+=(SizeAndCount& a, SizeAndCount b) { return a = a + b; }
};
// In bytes and blocks.
using Counter = SizeAndCount<std::int64_t>;
// Of an estimate from samples, in bytes squared and blocks squared; zero where all was counted.
using Variance = SizeAndCount<double>;

// What one traceback holds in one domain.
struct SnapshotRow {
  std::uint32_t node = 0;
  std::uint32_t domain = 0;      // the domain's number
  std::uint32_t record = 0;      // the tracer's own number of the traceback in the domain
  std::uint32_t all_frames = 0;  // of the stacks that it stands for; 0: not counted
  Counter live;
  Counter peak;
  Counter total;
  Variance live_variance;
  Variance peak_variance;
  Variance total_variance;
};

// Blocks that are alive: `count` of `size` bytes each.
struct BlockGroup {
  std::uint32_t record = 0;  // as a row's
  std::uint64_t count = 0;
  std::int64_t size = 0;
};

struct TracedPoint {
  std::int64_t time = 0;    // nanoseconds since the Unix epoch
  std::int64_t traced = 0;  // bytes
};

// What was seen of the process' memory; kUnknownBytes where that is not known.
struct MemoryRecord {
  std::int64_t time = 0;  // nanoseconds since the Unix epoch
  std::int64_t resident = kUnknownBytes;
  std::int64_t held = kUnknownBytes;
};

// As text. The name is not empty.
struct Label {
  std::string_view name, value;
};

// Numbers of the domains that the tracer itself knows; track() may bring others. Python's are
// tracemalloc's.
inline constexpr std::uint32_t kPythonDomain = 0;
inline constexpr std::uint32_t kNativeDomain = 1;
inline constexpr std::uint32_t kMmapDomain = 2;
// No block is ever in it: stacks of the machine that interpreters' are made of.
inline constexpr std::uint32_t kNoDomain = 0x7FFFFFFF;

// The tables are append-only and may grow while it is written; their items end where they ended at
// the moment of the snapshot. Rows are a copy, in any order, a (node, domain) may come
// several times.
struct SnapshotData {
  TableItems<ModuleRecord> modules;
  TableItems<std::string_view> texts;  // in UTF-8, names of source lines
  TableItems<CodeLocation> locations;
  TableItems<NodeRecord> nodes;
  std::span<const SnapshotRow> rows;
  std::span<const BlockGroup> groups;      // of the same moment, where they are wanted
  std::span<const TracedPoint> timeline;   // oldest first
  std::int64_t created = 0;                // nanoseconds since the Unix epoch
  std::uint64_t started = 0;               // the same, of the tracing
  std::uint64_t traceback_limit = 0;       // frames
  std::uint64_t current = 0;               // traced bytes
  std::uint64_t peak = 0;                  // traced bytes
  std::uint64_t tracer_memory = 0;         // bytes
  std::uint64_t sampling_rate = 0;         // mean bytes between samples; 0: exact
  std::uint64_t truncated_tracebacks = 0;  // blocks
  std::uint64_t dropped_blocks = 0;        // allocations that could not be recorded
  std::uint64_t unknown_frees = 0;         // frees of blocks that were never seen
  std::uint64_t missing_threads = 0;       // whose counters could not be copied
  SystemMemory system;
  AllocatorFigures allocator;
  std::span<const MemoryRecord> memory_timeline;  // oldest first
  std::int64_t work = -1;                         // units done so far; -1: nobody said
  std::span<const Label> labels;                  // ascending by name
};

}  // namespace memtrace::runtime
