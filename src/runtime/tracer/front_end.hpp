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

namespace memtrace::runtime {

inline constexpr std::uint32_t kMostInterpretedFrames = 65535;

// The stack that a thread was in when it was walked last: C code that allocates much is in the same
// one, block after block.
struct LastStack {
  static constexpr std::uint32_t kRoom = 64;

  // By the tracer: the record, and what makes it void.
  std::uint64_t salt = 0;
  std::uint32_t era = 0;
  std::uint32_t record = 0;
  int trust = 0;
  // By the front end: how many frames there are, and what tells them, whatever that is.
  std::uint32_t frames = 0;  // 0: it is not known
  std::uint32_t all = 0;
  bool count_all = false;
  std::uint64_t words[kRoom] = {};

  // Where most blocks come in another stack than the one before, looking costs more than it saves:
  // then only now and then.
  bool is_worth_a_look() {
    constexpr int kTries = 4, kPause = 64;
    if (trust > 0) return --trust >= 0;
    if (--trust < -kPause) trust = kTries;
    return false;
  }
  std::uint32_t found_again() {
    constexpr int kMostTrust = 16;
    if (trust < kMostTrust) trust += 2;
    return record;
  }
};

struct StackQuery {
  const std::uint64_t* hash_keys = nullptr;  // [kHashKeys]
  std::uint64_t salt = 0;                    // what else the hash is of
  std::uint32_t limit = 0;                   // frames that are kept
  bool count_all = false;                    // also how many frames there are beyond
  bool holds_lock = false;                   // the thread is known to hold the interpreter's lock
  bool with_calls = false;                   // also which call of the evaluator runs each frame
  LastStack* last = nullptr;                 // where to remember it; may be null
};

struct FoundStack {
  std::uint64_t hash = 0;    // of the frames that are kept, the other members, and the salt
  std::uint32_t frames = 0;  // that are kept
  std::uint32_t all = 0;     // that there are, or, without count_all, at most one more than kept
};

// Two frames are equal where the first two words are, as long as the code lives.
struct InterpretedFrame {
  std::uintptr_t code = 0;
  std::uintptr_t instruction = 0;
  // With calls: an address in the machine's frame of the evaluator's call that runs it. One call
  // may run many. 0: not known, a call runs one.
  std::uintptr_t call = 0;
};

// Room for names, and what was put there, as UTF-8 with lone surrogates. Longer ones are cut.
struct SourceDescription {
  static constexpr std::size_t kRoom = std::size_t{64} << 10;
  char* room = nullptr;  // [2 * kRoom]
  std::string_view file;
  std::string_view function;
  std::uint32_t line = 0;
};

// None of them allocates, waits or blocks.
struct FrontEnd {
  // Whether the calling thread is in that very stack.
  bool (*is_in)(const LastStack& last, bool holds_lock) = nullptr;
  // The calling thread's stack; false where it runs nothing of the interpreter.
  bool (*walk)(const StackQuery& query, FoundStack& found) = nullptr;
  // Its frames, most recent first, and how many there are. A walk is allowed to take for a frame
  // what is none, where its hash is never that of a stack without: then the numbers differ.
  FoundStack (*collect)(const StackQuery& query, InterpretedFrame* frames) = nullptr;
  void (*describe)(const InterpretedFrame& frame, SourceDescription& description) = nullptr;
  // Whether a return address lies in the evaluator, as far as that is known.
  bool (*is_evaluator)(std::uintptr_t pc) = nullptr;
};

// nullptr: there is none. It stays where it is for ever.
extern constinit std::atomic<const FrontEnd*> front_end;

}  // namespace memtrace::runtime
