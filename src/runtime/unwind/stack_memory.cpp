#include "runtime/unwind/stack_memory.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"

extern "C" {
// Where the dynamic loader found the program's arguments: the first stack's bottom but for them.
extern void* __libc_stack_end;  // NOLINT(readability-identifier-naming): glibc's name
}

namespace memtrace::runtime {
namespace {

constexpr std::uintptr_t kPage = 4096;

// The first stack grows as it is used, so that its mapping does not tell how far it may.
StackBounds first_stack() {
  constexpr std::uintptr_t kDeepest = std::uintptr_t{1} << 30;  // where the limit is none
  rlimit limit{};
  const long asked = system_call(SYS_prlimit64, 0, RLIMIT_STACK, nullptr, &limit);
  const std::uintptr_t depth =
      is_error(asked) || limit.rlim_cur > kDeepest ? kDeepest : limit.rlim_cur;
  const auto bottom = reinterpret_cast<std::uintptr_t>(__libc_stack_end);
  const std::uintptr_t high = (bottom + kPage) & ~(kPage - 1);
  return {high - depth, high};
}

// Reads /proc/self/maps byte by byte, a small piece at a time: a thread's stack may have little
// room.
class MapsReader {
 public:
  MapsReader()
      : file_(system_call(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0)) {}
  ~MapsReader() {
    if (!is_error(file_)) system_call(SYS_close, file_);
  }
  MapsReader(const MapsReader&) = delete;
  MapsReader& operator=(const MapsReader&) = delete;

  // The next mapping's addresses; false behind the last one.
  bool next(StackBounds& mapping) {
    mapping.low = number();
    mapping.high = number();
    while (byte_ != '\n' && advance()) {
    }
    return mapping.high != 0;
  }

 private:
  // A hexadecimal number and the character behind it.
  std::uintptr_t number() {
    std::uintptr_t value = 0;
    while (advance()) {
      const int digit = byte_ >= '0' && byte_ <= '9'   ? byte_ - '0'
                        : byte_ >= 'a' && byte_ <= 'f' ? byte_ - 'a' + 10
                                                       : -1;
      if (digit < 0) break;
      value = value << 4 | static_cast<std::uintptr_t>(digit);
    }
    return value;
  }

  bool advance() {
    if (at_ == size_) {
      const long got = system_call(SYS_read, file_, piece_.data(), piece_.size());
      if (got <= 0) return false;
      size_ = static_cast<std::size_t>(got);
      at_ = 0;
    }
    byte_ = piece_[at_++];
    return true;
  }

  long file_;
  std::array<char, 1024> piece_;
  std::size_t at_ = 0, size_ = 0;
  char byte_ = 0;
};

// libc keeps a thread's descriptor at the top of its stack. pthread_getattr_np() would know the
// stack too, but takes a lock that the thread may hold already: it allocates with it held.
std::uintptr_t descriptor() {
  return static_cast<std::uintptr_t>(pthread_self());
}

StackBounds other_stack() {
  MapsReader maps;
  for (StackBounds mapping; maps.next(mapping);) {
    if (descriptor() - mapping.low < mapping.high - mapping.low) return {mapping.low, descriptor()};
  }
  return {};
}

// A stack ends in a page that nobody can read: what can be read without a gap up to the descriptor
// is the stack. false where it is too far, or there is a gap.
bool grow_down(StackBounds& bounds, std::uintptr_t sp) {
  constexpr std::uintptr_t kFar = std::uintptr_t{64} << 10;
  if (bounds.low - sp > kFar) return false;
  const std::uintptr_t last = sp & ~(kPage - 1);
  std::uintptr_t low = bounds.low;
  while (low > last) {
    const std::uintptr_t page = (low - 1) & ~(kPage - 1);
    if (!is_readable(reinterpret_cast<const void*>(page))) return false;
    low = page;
  }
  bounds.low = low;
  return true;
}

}  // namespace

ThreadStack this_thread_stack() {
  if (system_call(SYS_gettid) == system_call(SYS_getpid)) return {first_stack(), true};
  ThreadStack stack{{descriptor(), descriptor()}, false};
  const auto sp = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  if (!grow_down(stack.bounds, sp)) stack = {other_stack(), true};
  return stack;
}

bool find_below(ThreadStack& stack, std::uintptr_t sp) {
  if (stack.is_whole || sp >= stack.bounds.low) return false;
  if (!grow_down(stack.bounds, sp)) stack = {other_stack(), true};
  return sp >= stack.bounds.low && sp < stack.bounds.high;
}

namespace {

constexpr std::uintptr_t kWord = sizeof(std::uintptr_t);

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
