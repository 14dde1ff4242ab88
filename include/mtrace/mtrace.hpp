// Lets a program trace its own memory, in C++17: a thin wrapper of mtrace/mtrace.h, which documents
// the functions. The namespace is `memtrace`, because <mcheck.h> declares a function `mtrace`.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mtrace/mtrace.h"

namespace memtrace {

inline constexpr unsigned kDefaultTracebackLimit = 32;

inline bool start(unsigned nframe = kDefaultTracebackLimit) {
  return mtrace_start(nframe) != 0;
}
inline void stop() {
  mtrace_stop();
}
inline bool is_tracing() {
  return mtrace_is_tracing() != 0;
}

// The result of take_snapshot(): true if the file was written.
struct SnapshotResult {
  int error = 0;        // errno; 0 if the file was written
  std::string message;  // "PATH: REASON"; empty if the file was written
  explicit operator bool() const { return error == 0; }
};
inline SnapshotResult take_snapshot(const std::string& path) {
  if (mtrace_take_snapshot(path.c_str()) != 0) return {};
  const int error = errno;
  return {error, path + ": " + mtrace_get_error_text(error)};
}

struct TracedMemory {
  std::uint64_t current = 0;  // bytes
  std::uint64_t peak = 0;     // bytes
};
inline TracedMemory get_traced_memory() {
  TracedMemory memory;
  mtrace_get_traced_memory(&memory.current, &memory.peak);
  return memory;
}
inline void reset_peak() {
  mtrace_reset_peak();
}
inline void clear_traces() {
  mtrace_clear_traces();
}

inline unsigned get_traceback_limit() {
  return mtrace_get_traceback_limit();
}
inline std::uint64_t get_tracer_memory() {
  return mtrace_get_tracer_memory();
}

// Return addresses, most recent first; empty for an untraced block.
inline std::vector<std::uintptr_t> get_block_traceback(const void* pointer) {
  std::vector<std::uintptr_t> frames(mtrace_get_block_traceback(pointer, nullptr, 0));
  frames.resize(mtrace_get_block_traceback(pointer, frames.data(), frames.size()));
  return frames;
}

inline void add_work(std::uint64_t units) {
  mtrace_add_work(units);
}

inline bool track(std::uint32_t domain, const void* pointer, std::size_t size) {
  return mtrace_track(domain, reinterpret_cast<std::uintptr_t>(pointer), size) != 0;
}
inline bool untrack(std::uint32_t domain, const void* pointer) {
  return mtrace_untrack(domain, reinterpret_cast<std::uintptr_t>(pointer)) != 0;
}

}  // namespace memtrace
