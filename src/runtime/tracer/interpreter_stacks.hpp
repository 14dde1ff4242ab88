// Stacks of interpreted programs: recognised by a hash of their frames, looked up once.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "runtime/os/lock.hpp"
#include "runtime/tracer/block_table.hpp"
#include "runtime/tracer/front_end.hpp"
#include "runtime/tracer/known_stacks.hpp"
#include "runtime/tracer/thread_state.hpp"

namespace memtrace::runtime {

class InterpreterStacks {
 public:
  // Before tracing starts; false where there is no memory.
  bool prepare() { return known_.prepare(); }
  // How many frames are kept, and whether those beyond are counted. A stack that is known under
  // another setting stays known under that one.
  void configure(std::uint32_t limit, bool count_all) {
    limit_.store(limit, std::memory_order_relaxed);
    count_all_.store(count_all, std::memory_order_relaxed);
  }

  // The record of the calling thread's stack in a domain. Inside of a hook, outside of the gate.
  // kNoRecord where it runs no interpreter, or there is no memory. A known stack costs about two
  // nanoseconds a frame, a new one about two microseconds.
  RecordId record_of(ThreadState& thread, std::uint32_t domain, bool holds_lock);
  // The record of blocks that came without any frame.
  RecordId record_without_frames(std::uint32_t domain);

  // Forgets the codes that nothing else keeps, or all, and all that was known by them; their number
  // is returned, and the first `room` of them in `codes`: the references are the caller's. With the
  // interpreter's lock held, outside of a hook.
  std::size_t release_codes(bool all, std::span<std::uintptr_t> codes);
  [[nodiscard]] std::size_t kept_codes() const { return kept_.load(std::memory_order_relaxed); }

  [[nodiscard]] std::size_t used_memory() const;
  // Around a fork, before those of the traceback table.
  void lock_all();
  void unlock_all();
  void reset_locks();

 private:
  // A code that is kept. `Kept{}` is none.
  struct Kept {
    bool is_kept = false;
  };
  struct KnownLocation {
    InterpretedFrame frame;
    std::uint32_t era = 0;
    std::uint32_t location = 0;
  };
  // For the length of one addition; under the lock.
  struct Workspace {
    InterpretedFrame frames[kMostInterpretedFrames];
    std::uint32_t locations[kMostInterpretedFrames];
    char text[2 * SourceDescription::kRoom];
  };

  RecordId add(const FrontEnd& from, const StackQuery& query, const FoundStack& walked,
               std::uint32_t domain);
  std::uint32_t location_of(const FrontEnd& from, const InterpretedFrame& frame, bool& all_kept);
  bool keep(const FrontEnd& from, std::uintptr_t code);
  bool prepare_workspace();

  static constexpr std::size_t kFewCodes = 4096;

  Lock lock_;
  std::atomic<std::uint32_t> limit_{1};
  std::atomic<bool> count_all_{false};
  KnownStacks known_;
  BlockTable<Kept> codes_;
  std::atomic<std::size_t> kept_{0};
  std::size_t wish_at_ = kFewCodes;  // kept codes
  std::uint32_t era_ = 1;            // changes when codes are released
  std::array<KnownLocation, 4096> known_locations_{};
  Workspace* workspace_ = nullptr;
};
extern constinit InterpreterStacks interpreter_stacks;

}  // namespace memtrace::runtime
