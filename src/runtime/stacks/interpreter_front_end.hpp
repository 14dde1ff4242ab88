// What an interpreter's front end tells the tracer: which lines of a program a thread is in.
//
// A thread looks at its own frames only: they do not move, and keep their codes alive, while it is
// in a hook, whether or not it holds the interpreter's lock. Nobody waits for that lock: somebody
// who holds it may be waiting for one of ours.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/stacks/recent_stacks.hpp"

namespace memtrace::runtime {

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

// nullptr: there is none. It stays where it is for ever.
extern constinit std::atomic<const FrontEnd*> front_end;

}  // namespace memtrace::runtime
