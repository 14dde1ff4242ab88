// The records of the calling thread's stacks, the machine's and an interpreter's: recognised, or
// else looked at frame by frame.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/blocks/block_table.hpp"
#include "runtime/container/keyed_hash.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/stacks/interpreter_front_end.hpp"
#include "runtime/stacks/known_stacks.hpp"
#include "runtime/stacks/stack_cache.hpp"
#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"
#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// Where in the tree of tracebacks an interpreter's stacks were added: most often the next one
// begins like one of the last.

// Used by one thread at a time; zeroed memory knows nothing. A comparison of two words replaces a
// look into two hash tables.
class KnownPaths {
 public:
  // The outermost frames that are known, and the node of the last of them.
  struct Begin {
    std::size_t depth = 0;
    std::uint32_t node = 0;
  };

  // `frames`: most recent first. What was put in another era is not known.
  [[nodiscard]] Begin begin_of(std::span<const InterpretedFrame> frames, std::uint32_t era) const {
    const Path& path = paths_[index_of(frames)];
    Begin begin;
    if (path.era != era) return begin;
    const std::size_t most = std::min(path.depth, frames.size());
    while (begin.depth < most && path.steps[begin.depth].is_of(frame_at(frames, begin.depth))) {
      begin.node = path.steps[begin.depth++].node;
    }
    return begin;
  }

  // What begin_of() said of the frames, and the nodes of the others, outermost first.
  void put(std::span<const InterpretedFrame> frames, std::uint32_t era, const Begin& begin,
           std::span<const std::uint32_t> nodes) {
    Path& path = paths_[index_of(frames)];
    path.era = era;
    path.depth = std::min(frames.size(), kMostSteps);
    for (std::size_t depth = begin.depth; depth < path.depth; ++depth) {
      const InterpretedFrame& frame = frame_at(frames, depth);
      path.steps[depth] = {frame.code, frame.instruction, nodes[depth - begin.depth]};
    }
  }

 private:
  static constexpr std::size_t kPaths = 64;
  static constexpr std::size_t kMostSteps = 64;
  struct Step {
    std::uintptr_t code = 0;
    std::uintptr_t instruction = 0;
    std::uint32_t node = 0;
    [[nodiscard]] bool is_of(const InterpretedFrame& frame) const {
      return instruction == frame.instruction && code == frame.code;
    }
  };
  struct Path {
    std::uint32_t era = 0;
    std::size_t depth = 0;
    std::array<Step, kMostSteps> steps;  // outermost first
  };

  static const InterpretedFrame& frame_at(std::span<const InterpretedFrame> frames,
                                          std::size_t depth) {
    return frames[frames.size() - 1 - depth];
  }
  // Stacks that are cut begin elsewhere with each frame that they are deeper: by the first few.
  static std::size_t index_of(std::span<const InterpretedFrame> frames) {
    constexpr std::size_t kLookedAt = 8;
    std::uint64_t sum = 0;
    for (const InterpretedFrame& frame : frames.last(std::min(frames.size(), kLookedAt))) {
      sum = scatter(sum, frame.instruction);
    }
    return sum % kPaths;
  }

  std::array<Path, kPaths> paths_;
};

// An interpreter's frames among the machine's: each call of its evaluator stands for the frames
// that it runs.

// One of the machine's frames, or one of the interpreter's, by its place among those.
struct MergedFrame {
  bool is_machine = false;
  std::uint32_t index = 0;
};

// A stack of the machine, most recent frame first, and where its frames lie.
struct MachineFrames {
  std::span<const UnwoundFrame> frames;
  std::uintptr_t begin = 0;  // of the first one
  // Of each frame, exclusive, as far as it is known: the caller's frame begins there.
  std::span<const std::uintptr_t> ends;
};

// What the unwinder has read says where the frames end: behind their return addresses. As many as
// are certain; `ends` has room for all of them.
std::span<const std::uintptr_t> find_frame_ends(std::span<const UnwoundFrame> frames,
                                                std::span<const ReadWord> words,
                                                std::span<std::uintptr_t> ends);

// Puts them in order, most recent first, and gives their number: at most that of both. Frames of
// the interpreter whose call is not found come last, as those whose call lies beyond what was
// unwound.
std::uint32_t merge_frames(const MachineFrames& machine, std::span<const InterpretedFrame> frames,
                           bool (*is_evaluator)(std::uintptr_t pc), std::span<MergedFrame> into);

// Stacks of interpreted programs: recognised by a hash of their frames, looked up once.

// nullptr: there is none. It stays where it is for ever.
extern constinit std::atomic<const FrontEnd*> front_end;

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
  struct LocationOfInstruction {
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
  struct LocatedStack {
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
  LocatedStack locate(const FrontEnd& from, const FoundStack& found);
  LocatedStack locate_merged(ThreadState& thread, const FrontEnd& from, const FoundStack& found,
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
  std::array<LocationOfInstruction, 4096> known_locations_{};
  Workspace* workspace_ = nullptr;
};
extern constinit InterpreterStacks interpreter_stacks;

// The records of the calling thread's stacks: recognised, or else looked at frame by frame.

// The stack that begins at `key`: an interpreter's, where the thread runs one, or else the
// machine's. kNoRecord where there is no memory.
RecordId record_of_stack(ThreadState& thread, const StackKey& key);

// The machine's, in any case.
RecordId record_of_machine_stack(ThreadState& thread, const StackKey& key);

// Of a block of the heap, which may be the tracer's own.
inline RecordId record_of_block(ThreadState& thread, const StackKey& key) {
  return local.untraced ? kOwnRecord : record_of_stack(thread, key);
}

}  // namespace memtrace::runtime
