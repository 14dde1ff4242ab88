#include "runtime/control/service.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include "runtime/control/own_thread.hpp"
#include "runtime/control/process.hpp"
#include "runtime/control/signal_actions.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

// The word of the first thread that the kernel clears when it ends; nullptr: not known.
constinit std::atomic<const std::atomic<std::int32_t>*> first_thread{nullptr};

struct DirectoryEntry {  // the kernel's, of getdents64()
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

// A process' threads that are not `own`, and not its first one. Some number above zero where they
// cannot be counted.
std::size_t count_others(int own, int process) {
  const long folder =
      system_call(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (is_error(folder)) return 1;
  std::size_t others = 0;
  alignas(8) std::array<std::byte, 4096> entries;  // NOLINT: the kernel fills it
  while (true) {
    const long got = system_call(SYS_getdents64, folder, entries.data(), entries.size());
    if (got <= 0) break;
    for (long at = 0; at < got;) {
      const auto& entry = *reinterpret_cast<const DirectoryEntry*>(entries.data() + at);
      int number = 0;
      for (const char* digit = entry.name; *digit >= '0' && *digit <= '9'; ++digit) {
        number = number * 10 + (*digit - '0');
      }
      if (number != 0 && number != own && number != process) ++others;
      at += entry.size;
    }
  }
  system_call(SYS_close, folder);
  return others;
}

}  // namespace

void note_first_thread() {
  if (thread_id() != process_id()) return;
  const std::atomic<std::int32_t>* word = nullptr;
  // Where the kernel does not tell, nobody waits for the last thread.
  if (is_error(system_call(SYS_prctl, PR_GET_TID_ADDRESS, &word, 0, 0, 0))) word = nullptr;
  first_thread.store(word, std::memory_order_relaxed);
}

bool is_last_thread(int own) {
  const auto* const word = first_thread.load(std::memory_order_relaxed);
  if (word == nullptr || word->load(std::memory_order_relaxed) != 0) return false;
  return count_others(own, process_id()) == 0;
}

int first_thread_status() {
  const long file = system_call(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (is_error(file)) return 0;
  std::array<char, 1024> text;  // NOLINT: the kernel fills it
  const long got = system_call(SYS_read, file, text.data(), text.size());
  system_call(SYS_close, file);
  // The last number of the line, which is as wait() has it.
  long end = got;
  while (end > 0 && (text[static_cast<std::size_t>(end) - 1] < '0' ||
                     text[static_cast<std::size_t>(end) - 1] > '9')) {
    --end;
  }
  int status = 0, scale = 1;
  for (long at = end; at > 0 && scale <= 10'000'000; --at, scale *= 10) {
    const char digit = text[static_cast<std::size_t>(at) - 1];
    if (digit < '0' || digit > '9') break;
    status += (digit - '0') * scale;
  }
  return status >> 8 & 0xFF;
}

namespace {

constexpr std::size_t kMostGroups = 65536;  // the kernel's

// Of one thread.
struct Credentials {
  std::array<uid_t, 3> users{};  // real, effective, saved
  std::array<gid_t, 3> groups{};
  std::size_t other_group_count = 0;
  std::array<gid_t, kMostGroups> other_groups{};
  std::array<__user_cap_data_struct, 2> capabilities{};
};
// Two threads that change them at once leave those of one of them, as libc does.
constinit Credentials wanted;

__user_cap_header_struct own_header() {
  return {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
}

void read_credentials(Credentials& of) {
  system_call(SYS_getresuid, &of.users[0], &of.users[1], &of.users[2]);
  system_call(SYS_getresgid, &of.groups[0], &of.groups[1], &of.groups[2]);
  const long count = system_call(SYS_getgroups, kMostGroups, of.other_groups.data());
  of.other_group_count = is_error(count) ? 0 : static_cast<std::size_t>(count);
  __user_cap_header_struct header = own_header();
  system_call(SYS_capget, &header, of.capabilities.data());
}

// What the program has set; kNoUmask: what it was when the thread began.
constexpr mode_t kNoUmask = ~mode_t{0};
constinit std::atomic<mode_t> program_umask{kNoUmask};

}  // namespace

void pass_credentials_on() {
  constexpr std::int64_t kPatience = 2 * kSecond;
  if (!is_service_running() || !is_traced_process()) return;
  read_credentials(wanted);
  ask_service_and_wait(Duty::credentials, kPatience);
}

void note_umask(mode_t mask) {
  if (is_traced_process()) program_umask.store(mask, std::memory_order_relaxed);
}

// Groups while the privilege to set them is there, users last.
void take_over_credentials() {
  const Credentials& to = wanted;
  system_call(SYS_setgroups, to.other_group_count, to.other_groups.data());
  system_call(SYS_setresgid, to.groups[0], to.groups[1], to.groups[2]);
  system_call(SYS_setresuid, to.users[0], to.users[1], to.users[2]);
  __user_cap_header_struct header = own_header();
  system_call(SYS_capset, &header, to.capabilities.data());
}

void use_program_umask() {
  const mode_t mask = program_umask.load(std::memory_order_relaxed);
  // On another thread it is the program's own already.
  if (mask != kNoUmask && is_service_thread()) system_call(SYS_umask, mask);
}

namespace {

// What wakes the thread: nobody handles it there, a descriptor of its own reads it. Linux sends it
// to nobody.
constexpr int kWakeSignal = SIGSTKFLT;

// Counted up by those who ask, and after it by the service.
struct Tally {
  std::atomic<std::uint32_t> asked{0};
  std::atomic<std::uint32_t> done{0};
};
constinit std::array<Tally, kDuties> tallies;
constinit OwnThread thread;
constinit const ServiceWork* present_work = nullptr;
constinit std::atomic<bool> few_system_calls{false};
constinit Lock here_lock{LockRank::jobs};  // of doing it without the thread

Tally& tally_of(Duty duty) {
  return tallies[static_cast<std::size_t>(duty)];
}

void wake_all(std::atomic<std::uint32_t>& word) {
  system_call(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX);
}

void wait_while(std::atomic<std::uint32_t>& word, std::uint32_t value, std::int64_t patience) {
  const timespec duration = as_timespec(patience);
  system_call(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, &duration);
}

// --- the thread ---

void perform(Duty duty) {
  if (duty == Duty::credentials) {
    take_over_credentials();
  } else if (duty != Duty::forget) {
    present_work->perform(duty);
  }
}

void perform_all() {
  for (unsigned number = 0; number < kDuties; ++number) {
    const auto duty = static_cast<Duty>(number);
    Tally& tally = tally_of(duty);
    const std::uint32_t asked = tally.asked.load(std::memory_order_acquire);
    if (asked == tally.done.load(std::memory_order_relaxed)) continue;
    perform(duty);
    tally.done.store(asked, std::memory_order_release);
    wake_all(tally.done);
  }
}

bool is_dismissed() {
  const Tally& tally = tally_of(Duty::forget);
  return tally.asked.load(std::memory_order_acquire) != 0;
}

// How long it may sleep: until the next time, and no longer than the questions that nobody asks it
// can wait (whether the program's last thread has ended, or, without system calls, whether there is
// anything to do).
std::int64_t longest_sleep() {
  constexpr std::int64_t kUnasked = kSecond, kUnwoken = 5 * kMillisecond;
  const std::int64_t longest =
      few_system_calls.load(std::memory_order_relaxed) ? kUnwoken : kUnasked;
  const std::int64_t due = present_work->due();
  return due == kNever ? longest : std::clamp<std::int64_t>(due - monotonic_time(), 0, longest);
}

void sleep_and_serve(int waker, int door) {
  std::array<pollfd, 2> watched = {{{waker, POLLIN, 0}, {door, POLLIN, 0}}};
  const timespec longest = as_timespec(longest_sleep());
  const long ready = system_call(SYS_ppoll, watched.data(), watched.size(), &longest, nullptr, 0);
  if (is_error(ready) || ready == 0) return;
  signalfd_siginfo ignored;
  if ((watched[0].revents & POLLIN) != 0) {
    system_call(SYS_read, waker, &ignored, sizeof(ignored));
  }
  if ((watched[1].revents & POLLIN) != 0) present_work->serve(door);
}

int open_waker() {
  const unsigned long mask = 1UL << (kWakeSignal - 1);
  const long file = system_call(SYS_signalfd4, -1, &mask, sizeof(mask), SFD_NONBLOCK | SFD_CLOEXEC);
  return is_error(file) ? -1 : static_cast<int>(file);
}

void serve(void* /*argument*/) {
  local.guard = true;
  system_call(SYS_prctl, PR_SET_NAME, "mtrace");
  const int waker = open_waker(), door = present_work->open_door();
  present_work->begin();
  while (!is_dismissed()) {
    perform_all();
    if (monotonic_time() >= present_work->due()) present_work->at_time();
    present_work->at_wake();
    if (is_dismissed()) break;
    sleep_and_serve(waker, door);
    if (is_last_thread(thread.id())) {
      // Nothing is left of the program but its memory, and its first thread's status.
      perform(Duty::last_snapshot);
      while (true) system_call(SYS_exit, first_thread_status());
    }
  }
}

// --- those who ask ---

void wake_service() {
  if (few_system_calls.load(std::memory_order_relaxed)) return;
  const int number = thread.id();
  if (number != 0) system_call(SYS_tgkill, process_id(), number, kWakeSignal);
}

// A signal handler may have interrupted the section in which its thread changes its counters.
class Parked {
 public:
  Parked() : state_(local.state), was_(state_ == nullptr ? 0 : state_->announcement.park()) {}
  ~Parked() {
    if (state_ != nullptr) state_->announcement.unpark(was_);
  }
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;

 private:
  ThreadState* state_;
  std::uint32_t was_;
};

// Without a system call, where none may be made.
void wait_a_little(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  constexpr std::int64_t kBetweenLooks = 50 * kMillisecond;
  if (few_system_calls.load(std::memory_order_relaxed)) {
    for (int spin = 0; spin < 1000; ++spin) __builtin_ia32_pause();
  } else {
    wait_while(word, value, kBetweenLooks);
  }
}

}  // namespace

bool start_service(const ServiceWork& work) {
  if (thread.is_running()) return true;
  constexpr std::int64_t kPatience = 5 * kSecond;
  present_work = &work;
  tally_of(Duty::forget).asked.store(0, std::memory_order_relaxed);
  tally_of(Duty::forget).done.store(0, std::memory_order_relaxed);
  note_first_thread();
  const SignalsBlocked blocked;
  // Whoever does its work meanwhile does it on its stack.
  if (!here_lock.lock_until(monotonic_time() + kPatience)) return false;
  const bool has_started = thread.is_running() || thread.start(serve, nullptr);
  here_lock.unlock();
  return has_started;
}

bool is_service_running() {
  return thread.is_running();
}

bool is_service_thread() {
  return thread.id() != 0 && thread.id() == thread_id();
}

void ask_service(Duty duty) {
  tally_of(duty).asked.fetch_add(1, std::memory_order_acq_rel);
  wake_service();
}

bool ask_service_and_wait(Duty duty, std::int64_t patience) {
  if (!thread.is_running()) return false;
  Tally& tally = tally_of(duty);
  const Parked parked;
  const std::uint32_t ticket = tally.asked.fetch_add(1, std::memory_order_acq_rel) + 1;
  wake_service();
  const std::int64_t deadline = monotonic_time() + patience;
  while (true) {
    const std::uint32_t done = tally.done.load(std::memory_order_acquire);
    if (static_cast<std::int32_t>(done - ticket) >= 0) return true;
    if (!thread.is_running() || monotonic_time() >= deadline) return false;
    wait_a_little(tally.done, done);
    wake_service();
  }
}

bool do_service_here(Duty duty) {
  if (present_work == nullptr) return false;
  const SignalsBlocked blocked;
  const Parked parked;
  // Two that come at once: one is enough.
  constexpr std::int64_t kPatience = 10 * kSecond;
  if (!here_lock.lock_until(monotonic_time() + kPatience)) return false;
  if (thread.is_running()) {  // again, by now
    here_lock.unlock();
    return ask_service_and_wait(duty, kPatience);
  }
  const bool guard = local.guard;
  local.guard = true;
  thread.run_here([](void* what) { perform(*static_cast<Duty*>(what)); }, &duty);
  local.guard = guard;
  here_lock.unlock();
  return true;
}

void end_service() {
  if (!thread.is_running()) return;
  ask_service(Duty::forget);
  thread.join();
}

Lock& job_lock() {
  return here_lock;
}

void forget_service() {
  thread.forget();
  for (Tally& tally : tallies) {
    tally.done.store(tally.asked.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
}

bool makes_few_system_calls() {
  return few_system_calls.load(std::memory_order_relaxed);
}

void expect_few_system_calls() {
  if (few_system_calls.exchange(true, std::memory_order_relaxed)) return;
  // It sleeps for a second otherwise.
  const int number = thread.id();
  if (number != 0) system_call(SYS_tgkill, process_id(), number, kWakeSignal);
}

}  // namespace memtrace::runtime
