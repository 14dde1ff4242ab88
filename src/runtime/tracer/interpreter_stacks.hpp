// Stacks of interpreted programs: recognised by a hash of their frames, looked up once.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "runtime/blocks/block_table.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/stacks/hooked_allocator.hpp"
#include "runtime/stacks/interpreter_front_end.hpp"
#include "runtime/stacks/known_paths.hpp"
#include "runtime/stacks/known_stacks.hpp"
#include "runtime/stacks/merged_frames.hpp"
#include "runtime/stacks/stack_cache.hpp"
#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

class InterpreterStacks {
 public:
  // Before tracing starts; false where there is no memory.
  bool prepare() { return known_.prepare(); }
  // Undoes it, where tracing does not start after all.
  void release() { known_.release(); }
  struct Configuration {
    std::uint32_t limit = 1;    // frames that are kept
    bool count_all = false;     // and whether those beyond are counted
    bool with_machine = false;  // with the machine's frames among them
    // Where blocks' ends are not all seen, because they are sampled, nothing that a code's end
    // makes untrue is remembered.
    bool sees_ends = true;
  };
  // A stack that is known under another setting stays known under that one.
  void configure(const Configuration& configuration);
  // Frames that are kept.
  [[nodiscard]] std::uint32_t frame_limit() const {
    return frames_.load(std::memory_order_relaxed) >> 1;
  }
  // Whether stacks have the machine's frames among them.
  [[nodiscard]] bool with_machine() const { return with_machine_.load(std::memory_order_relaxed); }
  // false where there is another one already.
  bool set_front_end(const FrontEnd& from);

  // The record of the calling thread's stack in a domain, where it was lately seen and consists of
  // the interpreter's frames alone; otherwise kNoRecord. Inside of a hook, outside of the gate.
  // Costs about a nanosecond a frame.
  RecordId recent_record(ThreadState& thread, std::uint32_t domain, bool holds_lock) {
    const auto recall = recall_.load(std::memory_order_acquire);
    return recall == nullptr ? kNoRecord
                             : recall(*thread.recent_stacks, key_of(domain), holds_lock);
  }
  // Where that is none. kNoRecord where the thread runs no interpreter, or there is no memory. A
  // stack that is known costs two nanoseconds a frame, a new one two microseconds, and with the
  // machine's frames, which begin where the key says, their record, too.
  [[gnu::noinline]] RecordId record_of(ThreadState& thread, const StackKey& key, bool holds_lock);
  // The record of blocks that came without any frame.
  RecordId record_without_frames(std::uint32_t domain);

  // A block of the interpreter's ends. Where it is a code that known stacks pass through, nobody
  // may get its address before these are forgotten: then true, and the block is freed later, with
  // others.
  bool retire(const HookedAllocator& allocator, void* block);
  // When tracing has stopped, and nobody sees codes end any more.
  void forget_codes();
  // Then, with the interpreter's lock held: frees what was retired.
  void free_retired();

  template <class Visit>
  void for_each_lock(Visit&& visit) {
    visit(lock_);
    codes_.for_each_lock(visit);
  }

 private:
  // A code that known stacks pass through. `Watched{}` is none.
  struct Watched {
    bool is_watched = false;
  };
  struct Retired {
    const HookedAllocator* allocator = nullptr;
    void* block = nullptr;
  };
  // Few, because their memory is held back; many, because all known stacks are looked up again
  // after they are freed.
  class RetiredBlocks {
   public:
    static constexpr std::size_t kRoom = 256;
    [[nodiscard]] bool is_full() const { return count_ == kRoom; }
    void add(const Retired& retired) { blocks_[count_++] = retired; }
    void free_all();

   private:
    std::array<Retired, kRoom> blocks_;
    std::size_t count_ = 0;
  };
  struct KnownLocation {
    InterpretedFrame frame;
    std::uint32_t era = 0;
    std::uint32_t location = 0;
  };
  // For the length of one addition, but for the paths; under the lock.
  struct Workspace {
    // An unwind reads few words a frame.
    static constexpr std::size_t kMostWords = std::size_t{4} * kMostFrames;
    InterpretedFrame frames[kMostInterpretedFrames];
    std::uint32_t locations[kMostInterpretedFrames];
    std::uint32_t nodes[kMostInterpretedFrames];
    char text[2 * SourceDescription::kRoom];
    ReadWord words[kMostWords];
    std::uintptr_t ends[kMostFrames];
    MergedFrame merged[kMostInterpretedFrames + kMostFrames];
    KnownPaths paths;
  };
  // Of a new stack: the locations, but those that are known to lead to the node, are in the
  // workspace.
  struct Path {
    std::uint32_t frames = 0;  // that are kept; kNotFound: there is no memory
    std::uint32_t all = 0;
    KnownPaths::Begin known;
  };

  [[nodiscard]] std::uint64_t salt_of(std::uint32_t domain) const {
    return std::uint64_t{domain} << 32 | frames_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] RecentKey key_of(std::uint32_t domain) const {
    return {salt_of(domain), era_.load(std::memory_order_relaxed)};
  }
  [[nodiscard]] StackQuery query_of(std::uint32_t domain, bool holds_lock) const;
  RecordId look_up(ThreadState& thread, const FrontEnd& from, const StackKey& key, bool holds_lock);
  RecordId look_up_with_machine(ThreadState& thread, const FrontEnd& from, const StackKey& key,
                                bool holds_lock);
  void choose_recall();
  RecordId find(ThreadState& thread, std::uint64_t hash) const;
  RecordId add(ThreadState& thread, const FrontEnd& from, const StackQuery& query,
               const FoundStack& walked, const StackKey& key);
  Path locate(const FrontEnd& from, const FoundStack& found);
  Path locate_merged(ThreadState& thread, const FrontEnd& from, const FoundStack& found,
                     const StackQuery& query, const Registers& start);
  std::uint32_t location_of(const FrontEnd& from, const InterpretedFrame& frame);
  void watch(std::uintptr_t code);
  void forget_stacks();
  bool prepare_workspace();

  Lock lock_{LockRank::interpreter_stacks};
  std::atomic<std::uint32_t> frames_{2};  // the limit, and in the last bit whether all are counted
  std::atomic<bool> with_machine_{false};
  std::atomic<decltype(FrontEnd::recall)> recall_{nullptr};  // where it can say enough
  std::atomic<bool> sees_ends_{true};
  KnownStacks known_;
  BlockTable<Watched, LockRank::interpreter_codes> codes_;
  RetiredBlocks retired_;
  // Changes before codes' memory is given to others. Whoever runs one of those has seen it.
  std::atomic<std::uint32_t> era_{1};
  std::array<KnownLocation, 4096> known_locations_{};
  Workspace* workspace_ = nullptr;
};
extern constinit InterpreterStacks interpreter_stacks;

}  // namespace memtrace::runtime
