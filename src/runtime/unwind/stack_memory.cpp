#include "runtime/unwind/stack_memory.hpp"

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::uintptr_t kWord = sizeof(std::uintptr_t);
constexpr std::uintptr_t kPage = 4096;

}  // namespace

bool StackMemory::read(std::uintptr_t address, std::uintptr_t& value) {
  if (!reach(address)) return false;
  value = load_word(address);
  record(address, value);
  return true;
}

bool StackMemory::reach(std::uintptr_t address) {
  if (address % kWord != 0) return false;
  if (in_window(address)) return true;
  if (address >= bounds_.low && address < bounds_.high) {
    set_window(bounds_.low, bounds_.high);
    return in_window(address);
  }
  const std::uintptr_t page = address & ~(kPage - 1);
  if (!is_readable(reinterpret_cast<const void*>(page))) return false;
  // A stack that is walked page by page grows into one window.
  const bool adjoins = window_low_ + window_span_ + kWord == page;
  set_window(adjoins ? window_low_ : page, page + kPage);
  return true;
}

void StackMemory::set_window(std::uintptr_t low, std::uintptr_t high) {
  window_low_ = (low + kWord - 1) & ~(kWord - 1);
  const std::uintptr_t last = (high & ~(kWord - 1)) - kWord;
  if (last < window_low_) {
    window_low_ = ~std::uintptr_t{0};
    window_span_ = 0;
    return;
  }
  window_span_ = last - window_low_;
}

void StackMemory::record(std::uintptr_t address, std::uintptr_t value) {
  if (!recording_) return;
  if (word_room() == 0) return stop_recording();
  *next_word_++ = ReadWord{address, value};
}

}  // namespace memtrace::runtime
