// Where a thread's stack lies, and what lies there.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// Where a thread's stack lies.

// As much of it as has been found out.
struct ThreadStack {
  StackBounds bounds;  // empty where it cannot be told
  bool is_whole = false;
};

// The calling thread's: at first only what it uses, so that a thread that does little costs a few
// system calls.
ThreadStack this_thread_stack();

// Looks for a stack pointer of the calling thread that lies below what is known. Page by page where
// it is near, otherwise, once, in /proc/self/maps: some ten microseconds, more where there are
// thousands of mappings. false where it is not in this stack.
bool find_below(ThreadStack& stack, std::uintptr_t sp);

// The words of a stack, as far as they can be read without faulting, and which of them were used.

// A window of memory that is known to be readable slides along: the thread's stack bounds, or,
// outside of them, the pages that the kernel was asked about.
class StackMemory {
 public:
  // With no room at all for words nothing is recorded.
  StackMemory(const StackBounds& bounds, std::span<ReadWord> words)
      : bounds_(bounds), next_word_(words.data()), words_(words), recording_(!words.empty()) {}

  // The word at `address`, recorded; false where it cannot be read or is not aligned.
  bool read(std::uintptr_t address, std::uintptr_t& value);
  // Moves the window over the word at `address`.
  bool reach(std::uintptr_t address);
  // Whether the word at `address` is in the window; it need not be aligned.
  [[nodiscard]] bool in_window(std::uintptr_t address) const {
    return address - window_low_ <= window_span_;
  }

  void record(std::uintptr_t address, std::uintptr_t value);
  // Whether every word that was read has been recorded.
  [[nodiscard]] bool recorded_all() const { return recording_; }
  [[nodiscard]] std::size_t recorded() const {
    return static_cast<std::size_t>(next_word_ - words_.data());
  }
  [[nodiscard]] std::size_t word_room() const { return words_.size() - recorded(); }
  void stop_recording() { recording_ = false; }
  // For those who record many words by themselves, having asked for room first.
  [[nodiscard]] ReadWord* next_word() const { return next_word_; }
  void set_next_word(ReadWord* next) { next_word_ = next; }
  [[nodiscard]] std::uintptr_t window_low() const { return window_low_; }
  [[nodiscard]] std::uintptr_t window_span() const { return window_span_; }

 private:
  void set_window(std::uintptr_t low, std::uintptr_t high);

  StackBounds bounds_;
  // The last word in the window begins at low + span. Empty at first: nothing is that near to low.
  std::uintptr_t window_low_ = ~std::uintptr_t{0};
  std::uintptr_t window_span_ = 0;
  ReadWord* next_word_;
  std::span<ReadWord> words_;
  bool recording_;
};

// Other threads' or functions' objects lie there as well, and a sanitizer's forbidden zones.
[[gnu::no_sanitize_address, gnu::no_sanitize_thread]] inline std::uintptr_t load_word(
    std::uintptr_t address) {
  return *reinterpret_cast<const volatile std::uintptr_t*>(address);
}

}  // namespace memtrace::runtime
