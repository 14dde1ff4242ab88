// The events of anonymous mappings, a domain of its own: what of them can be touched.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/tracer/thread_state.hpp"

namespace memtrace::runtime {

// Whether mappings are traced; set when tracing starts.
extern constinit std::atomic<bool> traces_mappings;

struct MappedRange {
  std::uintptr_t begin = 0;
  std::size_t size = 0;  // rounded up to pages
};

// What a mapping is.
struct MappingKind {
  bool is_anonymous = false;  // otherwise it only takes the place of what was there
  bool is_touchable = false;
  bool is_shared = false;
};
void on_mapped(ThreadState& thread, const MappedRange& range, MappingKind kind,
               const Registers& caller);

// What was reserved can be touched: it belongs to whoever made it so. What could be before stays.
void on_made_touchable(ThreadState& thread, const MappedRange& range, const Registers& caller);
// It cannot be touched any more.
void on_made_untouchable(ThreadState& thread, const MappedRange& range);
// What was in it has been given back: of private mappings, or of shared ones.
void on_given_back(ThreadState& thread, const MappedRange& range, bool of_shared);

// munmap() begins, and has ended: first, because another thread may be given the addresses at once.
void begin_unmap(ThreadState& thread, const MappedRange& range);
void end_unmap(ThreadState& thread, const MappedRange& range, bool is_done);

// A mapping was moved, grown or shrunk, in one step; what of it can be touched belongs to whoever
// moved it. Between begin_unmap() and end_unmap() of the old range, unless it `stays`: then it is
// empty, and reserved.
struct Remapping {
  MappedRange from;
  MappedRange to;
  bool stays = false;
};
void on_remapped(ThreadState& thread, const Remapping& remapping, const Registers& caller);

}  // namespace memtrace::runtime
