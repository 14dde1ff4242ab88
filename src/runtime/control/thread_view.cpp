// Programs count their threads: CPython warns where os.fork() meets more than one, Chromium's
// zygote ends. They read stat or status, list task, or look at its number of links, all of it in
// /proc; the kernel counts when it is asked. So the tracer's thread ends when such a file is
// opened, and another one begins when it is closed. It costs 0.1 ms a look. Who looks by system
// calls of its own sees the thread.
#include "runtime/control/thread_view.hpp"

#include <linux/limits.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "runtime/control/control.hpp"
#include "runtime/control/process.hpp"
#include "runtime/control/service.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/os/messages.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

constinit std::atomic<unsigned> open_looks{0};

namespace {

// Where more are open at the same time, the program sees the thread.
constexpr std::size_t kMostLooks = 8;
constexpr std::int64_t kLongLook = kSecond;

constinit ProcessLock looks_lock;
constinit std::array<int, kMostLooks> looks{};  // the first of them are used
constinit bool is_away = false;
constinit std::int64_t longest_until = 0;  // coarse_time()

// --- which files tell ---

bool is_own_number(std::string_view text) {
  unsigned long number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return false;
    number = number * 10 + static_cast<unsigned long>(digit - '0');
  }
  return !text.empty() && number == static_cast<unsigned long>(process_id());
}

// The last component, which `path` loses along with the slashes around it.
std::string_view take_last(std::string_view& path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t begin = path.rfind('/') + 1;  // 0 without a slash
  const std::string_view last(path.data() + begin, path.size() - begin);
  path.remove_suffix(last.size());
  while (path.ends_with('/')) path.remove_suffix(1);
  return last;
}

// stat, status or task of the process, or of one of its threads.
bool tells_of_threads(int file) {
  TextBuffer<64> link;
  link << "/proc/self/fd/" << static_cast<std::uint64_t>(file);
  char text[PATH_MAX];
  const long size = system_call(SYS_readlink, link.c_str(), text, sizeof(text));
  if (is_error(size)) return false;
  std::string_view path(text, static_cast<std::size_t>(size));
  take_last(path);
  if (is_own_number(take_last(path))) return true;
  return take_last(path) == "task" && is_own_number(take_last(path));
}

// --- the tracer's thread ---

class Looking {
 public:
  Looking() : mask_(block_all_signals()) { looks_lock.lock(); }
  ~Looking() {
    looks_lock.unlock();
    set_signal_mask(mask_);
  }
  Looking(const Looking&) = delete;
  Looking& operator=(const Looking&) = delete;

 private:
  unsigned long mask_;
};

void stay_away() {
  is_away = true;
  longest_until = coarse_time() + kLongLook;
  attention_due = longest_until;
}

// A snapshot that is being written is waited for, but not for ever.
void leave() {
  constexpr std::int64_t kPatience = 2 * kSecond;
  if (is_away || !is_service_running() || makes_few_system_calls()) return;
  if (!ask_service_and_wait(Duty::nothing, kPatience)) return;
  end_service();
  stay_away();
}

void come_back() {
  if (!is_away) return;
  is_away = false;
  continue_service();
  if (!is_service_running()) stay_away();
}

}  // namespace

bool may_tell_of_threads(const char* path) {
  std::string_view rest(path);
  const std::string_view last = take_last(rest);
  return last == "stat" || last == "status" || last == "task";
}

bool is_folder_of_threads(const char* path, bool is_folder, std::uint64_t size) {
  if (!is_folder || size != 0 || path == nullptr) return false;
  std::string_view rest(path);
  return take_last(rest) == "task";
}

void begin_look(int file) {
  const int error = errno;
  if (is_traced_process() && (file == kNoFile || tells_of_threads(file))) {
    const Looking looking;
    const unsigned count = open_looks.load(std::memory_order_relaxed);
    if (count < kMostLooks) {
      looks[count] = file;
      open_looks.store(count + 1, std::memory_order_relaxed);
      leave();
    }
  }
  errno = error;
}

void end_look(int file) {
  const int error = errno;
  if (is_traced_process()) {
    const Looking looking;
    const unsigned count = open_looks.load(std::memory_order_relaxed);
    int* const end = looks.data() + count;
    int* const found = std::find(looks.data(), end, file);
    if (found != end) {
      *found = end[-1];
      open_looks.store(count - 1, std::memory_order_relaxed);
      if (count == 1) come_back();
    }
  }
  errno = error;
}

int look_through(FILE* file) {
  if (file == nullptr || !has_looks()) return kNoFile;
  const int error = errno;
  const int number = fileno_unlocked(file);
  errno = error;
  return number;
}

void end_long_looks() {
  const Looking looking;
  if (!is_away || coarse_time() < longest_until) return;
  open_looks.store(0, std::memory_order_relaxed);
  come_back();
}

void end_all_looks() {
  const Looking looking;
  open_looks.store(0, std::memory_order_relaxed);
  come_back();
}

void forget_looks() {
  open_looks.store(0, std::memory_order_relaxed);
  is_away = false;
}

}  // namespace memtrace::runtime
