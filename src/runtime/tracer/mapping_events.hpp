// The events of anonymous mappings, a domain of its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/tracer/thread_state.hpp"

namespace memtrace::runtime {

// Whether mappings are traced; set when tracing starts.
extern constinit std::atomic<bool> traces_mappings;

// Something was mapped at [begin, begin + size): anonymous memory, or what takes its place.
void on_mapped(ThreadState& thread, std::uintptr_t begin, std::size_t size, bool anonymous,
               const Registers& caller);
void on_unmapped(ThreadState& thread, std::uintptr_t begin, std::size_t size);
// A mapping was moved, grown or shrunk: in one step, and only where it was traced before.
void on_remapped(ThreadState& thread, std::uintptr_t from, std::size_t old_size, std::uintptr_t to,
                 std::size_t size, const Registers& caller);

}  // namespace memtrace::runtime
