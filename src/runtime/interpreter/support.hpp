// What an interpreter's front end, a library of its own, uses of the tracer. The two are built
// together: `layout` says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/blocks/sampled_blocks.hpp"
#include "runtime/container/append_only.hpp"
#include "runtime/counters/snapshot_data.hpp"
#include "runtime/gate/gate.hpp"
#include "runtime/stacks/interpreter_front_end.hpp"
#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// The tables that tracebacks are read from; they only grow.
struct TracebackTables {
  TableItems<std::string_view> texts;
  TableItems<ModuleRecord> modules;
  TableItems<CodeLocation> locations;
  TableItems<NodeRecord> nodes;
};

struct BlockTraceback {
  std::uint32_t node = 0;
  std::uint32_t domain = 0;
  std::uint32_t all_frames = 0;
  std::int64_t size = 0;
};

struct TraceStatus {
  bool is_tracing = false;
  std::uint32_t frames = 0;         // that are kept
  bool native = false;              // the machine's are among them
  std::uint64_t sampling_rate = 0;  // mean bytes between samples; 0: every block
};

struct InterpreterSupport {
  std::uint64_t layout = 0;

  // Calls of any allocator go to context->inner and are traced.
  InterpreterAllocator hooks;  // without context
  // A block has become an object: perhaps again, without an allocator's knowledge. With the
  // interpreter's lock held. The last one that the thread has allocated, which most are, is at this
  // offset from the thread's pointer, to be cleared once it has become one: that is the whole call.
  // `may_be_large`: it may have more bytes than the shadow map takes.
  void (*refer)(std::uintptr_t block, const Registers& caller, bool may_be_large) = nullptr;
  std::ptrdiff_t (*fresh_block_offset)() = nullptr;
  // Where it need not be called: while nothing is traced, and, while only some blocks are, for
  // those that are not held here.
  const std::atomic<HookMode>* mode = nullptr;
  const SampledBlocks* sampled_blocks = nullptr;
  // There is one front end in a process, the first.
  bool (*set_front_end)(const FrontEnd* from) = nullptr;
  // Whether the front end should trace at once: the program is traced already.
  TraceStatus (*status)() = nullptr;
  bool (*start)(std::uint32_t frames, bool native, std::uint64_t sampling_rate) = nullptr;
  void (*stop)() = nullptr;
  // "NAME=VALUE", which every snapshot has from now on; see Labels. false where it cannot be kept.
  bool (*set_label)(std::string_view text) = nullptr;
  // What the calling thread allocates from now on is not traced, or is again. Returns what was.
  bool (*set_untraced)(bool untraced) = nullptr;
  // After stop(), with the interpreter's lock held.
  void (*free_retired)() = nullptr;

  // Of all, with groups of blocks by size; `copy` is given back with release_copy().
  bool (*copy)(SnapshotData& data, bool by_size, void*& copy) = nullptr;
  void (*release_copy)(SnapshotData& data, void* copy) = nullptr;
  // 0, or the number of an error.
  int (*write_snapshot)(const char* path) = nullptr;
  // The last snapshot of a traced process, before the interpreter goes down.
  void (*take_last_snapshot)() = nullptr;
  TracebackTables (*tables)() = nullptr;
  bool (*find_block)(std::uint32_t domain, std::uintptr_t address, BlockTraceback& found) = nullptr;
};

// Changes with anything above.
inline constexpr std::uint64_t kSupportLayout = 7 << 16 | sizeof(InterpreterSupport);

}  // namespace memtrace::runtime

extern "C" [[gnu::visibility("default")]] const memtrace::runtime::InterpreterSupport*
mtrace_interpreter_support();
