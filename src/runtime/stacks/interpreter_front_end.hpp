// What passes between an interpreter's front end and the tracer.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wire/golden_ratio.hpp"

namespace memtrace::runtime {

// Stacks of an interpreter that a thread was in, where it may be again: a loop allocates in the
// same few, over and over.

// What decides a stack's record beside its frames, and what makes it void. Passed in registers.
struct RecentKey {
  std::uint64_t salt = 0;
  std::uint32_t era = 0;

  friend bool operator==(const RecentKey&, const RecentKey&) = default;
};

struct RecentStack {
  static constexpr std::uint32_t kRoom = 60;

  RecentKey key;
  std::uint32_t record = 0;  // 0: nothing is remembered, or only that it was seen
  // By the front end: how many frames there are, and what tells them, whatever that is.
  std::uint32_t frames = 0;
  std::uint32_t all = 0;
  bool count_all = false;
  std::uint64_t words[kRoom] = {};
};
static_assert(sizeof(RecentStack) == 512);

// Looking there costs a comparison a frame where it is the same stack, and about one where it is
// another. Used by one thread; zeroed memory is empty.
class RecentStacks {
 public:
  static constexpr std::size_t kWays = 2;
  using Set = std::array<RecentStack, kWays>;

  // `hint` is whatever differs between stacks that are met in turn, and is quickly found.
  [[nodiscard]] const Set& set_of(std::uint64_t hint) const { return sets_[index_of(hint)]; }
  // Either way, in turn: two that take each other's place soon find one each.
  [[nodiscard]] RecentStack& replace(std::uint64_t hint) {
    return sets_[index_of(hint)][++replaced_ % kWays];
  }

 private:
  static constexpr unsigned kSetBits = 8;
  static std::size_t index_of(std::uint64_t hint) {
    return hint * wire::kGoldenRatio >> (64 - kSetBits);
  }

  std::array<Set, std::size_t{1} << kSetBits> sets_;
  std::size_t replaced_ = 0;
};

// What an interpreter's front end tells the tracer: which lines of a program a thread is in.
//
// A thread looks at its own frames only: they do not move, and keep their codes alive, while it is
// in a hook, whether or not it holds the interpreter's lock. Nobody waits for that lock: somebody
// who holds it may be waiting for one of ours.
inline constexpr std::uint32_t kMostInterpretedFrames = 65535;

struct StackQuery {
  const std::uint64_t* hash_keys = nullptr;  // [kHashKeys]
  std::uint64_t salt = 0;                    // what else the hash is of
  std::uint32_t limit = 0;                   // frames that are kept
  bool count_all = false;                    // also how many frames there are beyond
  bool holds_lock = false;                   // the thread is known to hold the interpreter's lock
  bool with_calls = false;                   // also which call of the evaluator runs each frame
  RecentStacks* recent = nullptr;            // where to remember it; may be null
};

struct FoundStack {
  std::uint64_t hash = 0;    // of the frames that are kept, the other members, and the salt
  std::uint32_t frames = 0;  // that are kept
  std::uint32_t all = 0;     // that there are, or, without count_all, at most one more than kept
  // Where it is to be remembered: all but the key and the record is there. nullptr: nowhere.
  RecentStack* recent = nullptr;
};

// Two frames are equal where the first two words are, as long as the code lives.
struct InterpretedFrame {
  std::uintptr_t code = 0;
  std::uintptr_t instruction = 0;
  // With calls: an address in the machine's frame of the evaluator's call that runs it. One call
  // may run many. 0: not known, a call runs one.
  std::uintptr_t call = 0;
};

// Names as UTF-8 with lone surrogates, in this room or where the interpreter keeps them. Longer
// ones are cut.
struct SourceDescription {
  static constexpr std::size_t kRoom = std::size_t{64} << 10;
  char* room = nullptr;  // [2 * kRoom]
  // While it is the same, a code's address is that code's; 0: that is not known.
  std::uint32_t era = 0;
  std::string_view file;
  std::string_view function;
  std::uint32_t line = 0;
};

// None of them allocates, waits or blocks.
struct FrontEnd {
  // The record of the calling thread's stack, where that is remembered under this key; or 0.
  std::uint32_t (*recall)(const RecentStacks& recent, RecentKey key, bool holds_lock) = nullptr;
  // The calling thread's stack; false where it runs nothing of the interpreter.
  bool (*walk)(const StackQuery& query, FoundStack& found) = nullptr;
  // Its frames, most recent first, and how many there are. A walk is allowed to take for a frame
  // what is none, where its hash is never that of a stack without: then the numbers differ.
  FoundStack (*collect)(const StackQuery& query, InterpretedFrame* frames) = nullptr;
  // One at a time.
  void (*describe)(const InterpretedFrame& frame, SourceDescription& description) = nullptr;
  // Whether what is allocated in the frame is the tracer's own. `room` is as in a description.
  bool (*is_own)(const InterpretedFrame& frame, char* room) = nullptr;
  // Whether a return address lies in the evaluator, as far as that is known.
  bool (*is_evaluator)(std::uintptr_t pc) = nullptr;
};

// The allocators of an interpreter that has hooks for others in front of them.

// An interpreter's allocator, in the layout of CPython's PyMemAllocatorEx.
struct InterpreterAllocator {
  void* context = nullptr;
  void* (*allocate)(void* context, std::size_t size) = nullptr;
  void* (*allocate_zeroed)(void* context, std::size_t count, std::size_t size) = nullptr;
  void* (*resize)(void* context, void* pointer, std::size_t size) = nullptr;
  void (*release)(void* context, void* pointer) = nullptr;
};

// What the hooks' context points to.
struct HookedAllocator {
  InterpreterAllocator inner;  // that the hooks stand in front of
  bool holds_lock = false;     // whoever allocates has the interpreter's lock
  // Blocks of up to so many bytes it takes from its own pools, not from malloc.
  std::size_t pooled = 0;
};

}  // namespace memtrace::runtime
