// The model: a snapshot in memory.
//
// Tracebacks share most of their frames, so they are kept as a tree. A node is (parent, frame), a
// parent always has a smaller id than its children, and a traceback is one node's path to the root:
// the node's own frame is the most recent one. A row says how much memory belongs to one node in
// one domain. Everything the tool answers is a linear pass over these tables.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/export.hpp"
#include "mtrace/ids.hpp"
#include "mtrace/string_table.hpp"

namespace memtrace {

enum class FrameKind : std::uint8_t {
  source,          // a call in a source file (or with a function name only)
  inlined,         // the same, inlined into the next older frame by the compiler
  return_address,  // unresolved: `offset` into `module` is where the call returns to
  exact_address,   // unresolved: `offset` is the instruction itself (a signal's frame)
};

struct Frame {
  StringId filename = kNone<StringId>;  // kNone: unknown
  std::uint32_t lineno = 0;             // 0: unknown
  StringId function = kNone<StringId>;  // kNone: unknown
  ModuleId module = kNone<ModuleId>;    // kNone: unknown
  std::uint64_t offset = 0;             // bytes into the module; addresses only
  FrameKind kind = FrameKind::source;

  [[nodiscard]] bool is_address() const {
    return kind == FrameKind::return_address || kind == FrameKind::exact_address;
  }
  MTRACE_COMPARABLE(Frame);
};

// A shared object (name: its path) or a Python package.
struct Module {
  StringId name = kNone<StringId>;
  std::string build_id;  // raw bytes of the ELF note; empty: unknown
  MTRACE_COMPARABLE(Module);
};

struct Node {
  NodeId parent = kRoot;           // the next older frame
  FrameId frame = kNone<FrameId>;  // kNone for the root alone
};

// The tables that the ids in rows refer to. Each table holds equal things once.
struct Tracebacks {
  StringTable strings;
  IdVector<ModuleId, Module> modules;
  IdVector<FrameId, Frame> frames;
  IdVector<NodeId, Node> nodes{1};  // starts with the root
};

// An address space of allocators: tracemalloc's domain. Rows hold its id, not its number.
struct Domain {
  std::uint32_t number = 0;
  std::string name;  // empty: the domain has only a number
  MTRACE_COMPARABLE(Domain);
};

enum class Metric : std::uint8_t {
  live,   // alive in the snapshot
  peak,   // alive at the moment of the highest traced memory
  total,  // ever allocated
};
inline constexpr std::array kMetrics = {Metric::live, Metric::peak, Metric::total};
MTRACE_API std::string_view name_of(Metric metric);

// Bytes and blocks. Never negative, and the sum of a column fits 63 bits: validate() and every
// reader refuse anything else, so that sums over rows never overflow.
struct Amount {
  std::int64_t size = 0;   // bytes
  std::int64_t count = 0;  // blocks
  MTRACE_COMPARABLE(Amount);
};

// Sizes and counts of sampled blocks are estimates: unbiased, with the variances beside them.
struct Column {
  std::vector<std::int64_t> size;   // bytes
  std::vector<std::int64_t> count;  // blocks
  std::vector<double> size_variance =
      {};  // bytes squared; both are empty where every block was counted
  std::vector<double> count_variance = {};  // blocks squared

  [[nodiscard]] bool is_estimate() const { return !size_variance.empty(); }
};

// Columns, not objects: all vectors have the same length. Several rows may have the same
// (node, domain); they add up. A metric has a column only if it was recorded and requested.
struct Rows {
  std::vector<NodeId> node;  // never the root
  std::vector<DomainId> domain;
  std::array<std::optional<Column>, kMetrics.size()> columns;

  [[nodiscard]] std::size_t size() const { return node.size(); }
  [[nodiscard]] const std::optional<Column>& operator[](Metric metric) const {
    return columns[static_cast<std::size_t>(metric)];
  }
  std::optional<Column>& operator[](Metric metric) {
    return columns[static_cast<std::size_t>(metric)];
  }
};

// What the tracer could not record, for every view to report.
struct Losses {
  std::uint64_t truncated_tracebacks = 0;  // blocks whose traceback has fewer frames than the stack
  std::uint64_t dropped_blocks = 0;        // allocations that could not be recorded
  std::uint64_t unknown_frees = 0;         // frees of blocks that the tracer never saw
  std::uint64_t missing_threads = 0;       // threads whose blocks are not counted
  MTRACE_COMPARABLE(Losses);
};

// What made it. Their numbers stand in files.
enum class SnapshotKind : std::uint8_t {
  mtrace,
  tracemalloc,
  pprof,
  heaptrack,
  jemalloc,
  gperftools,
  dhat,
  massif,
  memray,
};
inline constexpr std::array kSnapshotKinds = {
    SnapshotKind::mtrace,    SnapshotKind::tracemalloc, SnapshotKind::pprof,
    SnapshotKind::heaptrack, SnapshotKind::jemalloc,    SnapshotKind::gperftools,
    SnapshotKind::dhat,      SnapshotKind::massif,      SnapshotKind::memray};
MTRACE_API std::string_view name_of(SnapshotKind kind);

// What the system sees of a process at the moment of the snapshot, and what its allocator says; in
// bytes. nullopt or empty: unknown.
struct ProcessMemory {
  std::optional<std::uint64_t> resident;       // pages in memory, of it:
  std::optional<std::uint64_t> anonymous;      //   of no file: heap, stacks
  std::optional<std::uint64_t> file;           //   of files: code, mapped data
  std::optional<std::uint64_t> shared;         //   shared without a file (shmem)
  std::optional<std::uint64_t> huge_pages;     //   in huge pages, transparent or reserved
  std::optional<std::uint64_t> resident_peak;  // the most that was ever resident
  std::optional<std::uint64_t> swapped;        // pages that were written to swap
  std::optional<std::uint64_t> cgroup_use;     // by all processes of the control group
  std::optional<std::uint64_t> cgroup_limit;   // that is the first to be met; none: no limit
  std::optional<std::uint64_t> held;           // what the allocator has from the system, of it:
  std::optional<std::uint64_t> free;           //   in no block
  std::string allocator;                       // "glibc", "jemalloc", "tcmalloc", "mimalloc"
  MTRACE_COMPARABLE(ProcessMemory);
};

// The process and the moment; nullopt or empty: unknown.
struct Metadata {
  SnapshotKind kind = SnapshotKind::mtrace;
  std::string program;
  std::vector<std::string> command;
  std::optional<std::uint64_t> pid;
  std::string host;
  std::optional<std::int64_t> started;           // nanoseconds since the Unix epoch
  std::optional<std::int64_t> created;           // the moment of the snapshot; the same unit
  std::optional<std::uint64_t> traceback_limit;  // maximum number of frames per traceback
  std::optional<std::uint64_t> current;          // traced bytes at the moment of the snapshot
  std::optional<std::uint64_t> peak;             // highest traced bytes since the start
  std::optional<std::uint64_t> tracer_memory;    // bytes that the tracer itself uses
  std::optional<std::uint64_t> sampling_rate;    // bytes between samples on average; none: exact
  std::uint64_t merged = 1;                      // snapshots that were merged into this one
  Losses losses;
  std::optional<std::uint64_t> work;          // units of work that were done so far
  std::map<std::string, std::string> labels;  // "release": "1.7.2"; no name is empty
  ProcessMemory memory;
  MTRACE_COMPARABLE(Metadata);
};

struct TimelinePoint {
  std::int64_t time = 0;      // nanoseconds since the Unix epoch, never decreasing
  std::uint64_t current = 0;  // traced bytes
  MTRACE_COMPARABLE(TimelinePoint);
};

// The same of a process as the system sees it. Its points are other moments than the timeline's.
struct MemoryPoint {
  std::int64_t time = 0;                  // nanoseconds since the Unix epoch, never decreasing
  std::optional<std::uint64_t> resident;  // bytes, as in ProcessMemory
  std::optional<std::uint64_t> held;      // bytes
  MTRACE_COMPARABLE(MemoryPoint);
};

struct Snapshot {
  Metadata metadata;
  Tracebacks tracebacks;
  IdVector<DomainId, Domain> domains;
  Rows rows;
  std::vector<TimelinePoint> timeline;
  std::vector<MemoryPoint> memory_timeline;
};

// The filename of the frame that stands for an unknown traceback; its lineno is 0.
inline constexpr std::string_view kUnknownFilename = "<unknown>";

// Checks every id, order and sum that the analysis relies on, in linear time. Throws Error.
MTRACE_API void validate(const Snapshot& snapshot);

// Sum of a column. The column must exist and be valid.
MTRACE_API Amount total_of(const Column& column);

}  // namespace memtrace
