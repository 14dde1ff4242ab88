#include "runtime/control/memory_figures.hpp"

#include <linux/futex.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "runtime/control/own_thread.hpp"
#include "runtime/control/service.hpp"
#include "runtime/control/signal_actions.hpp"
#include "runtime/os/allocator.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/os/process_memory.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

// --- the allocator's figures ---

enum class Answer : std::uint32_t { none, wanted, being_read, there };

// Of whoever was asked last. One asks at a time.
constinit std::atomic<Answer> answer{Answer::none};
constinit std::atomic<std::int64_t> answered_held{kUnknownBytes};
constinit std::atomic<std::int64_t> answered_free{kUnknownBytes};
constinit std::atomic<std::int64_t> answered_at{0};  // CLOCK_MONOTONIC
constinit ProcessLock asking;
constinit OwnThread reader;

// While they are read, who allocates waits: where that takes long, it must not be more than a
// twentieth of the time.
constinit std::atomic<std::int64_t> not_before{0};  // CLOCK_MONOTONIC

void read_into_answer(void* /*argument*/) {
  constexpr std::int64_t kLong = 50 * kMillisecond, kShare = 20;
  const std::int64_t begin = clock_nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  const AllocatorFigures figures = read_allocator_figures();
  const std::int64_t took = clock_nanoseconds(CLOCK_THREAD_CPUTIME_ID) - begin;
  if (took > kLong) not_before.store(monotonic_time() + took * kShare, std::memory_order_relaxed);
  answered_held.store(figures.held, std::memory_order_relaxed);
  answered_free.store(figures.free, std::memory_order_relaxed);
  answered_at.store(monotonic_time(), std::memory_order_relaxed);
  answer.store(Answer::there, std::memory_order_release);
  system_call(SYS_futex, &answer, FUTEX_WAKE_PRIVATE, INT32_MAX);
}

bool wait_for_answer(std::int64_t patience) {
  const std::int64_t deadline = monotonic_time() + patience;
  while (true) {
    const Answer now = answer.load(std::memory_order_acquire);
    if (now == Answer::there) return true;
    const std::int64_t left = deadline - monotonic_time();
    if (left <= 0) return false;
    const timespec duration = as_timespec(left);
    system_call(SYS_futex, &answer, FUTEX_WAIT_PRIVATE, static_cast<std::uint32_t>(now), &duration);
  }
}

// One thread of the program's passes by a hook soon, or sleeps.
bool ask_program() {
  constexpr std::int64_t kPatience = 20 * kMillisecond;
  answer.store(Answer::wanted, std::memory_order_release);
  attention.store(true, std::memory_order_relaxed);
  if (wait_for_answer(kPatience)) return true;
  Answer wanted = Answer::wanted;
  if (answer.compare_exchange_strong(wanted, Answer::none)) return false;
  constexpr std::int64_t kToRead = 500 * kMillisecond;
  return wait_for_answer(kToRead);
}

// A thread that waits for a lock that is not given back stays, and nothing is read any more.
bool ask_own_thread() {
  constexpr std::int64_t kPatience = 500 * kMillisecond;
  if (reader.is_running()) return false;
  answer.store(Answer::being_read, std::memory_order_release);
  const SignalsBlocked blocked;
  return reader.start(read_into_answer, nullptr) && wait_for_answer(kPatience);
}

// Not one that came after its asker had gone away.
bool has_fresh_answer() {
  constexpr std::int64_t kFresh = 200 * kMillisecond;
  return answer.load(std::memory_order_acquire) == Answer::there &&
         monotonic_time() - answered_at.load(std::memory_order_relaxed) < kFresh;
}

AllocatorFigures take_answer() {
  answer.store(Answer::none, std::memory_order_relaxed);
  return {.held = answered_held.load(std::memory_order_relaxed),
          .free = answered_free.load(std::memory_order_relaxed)};
}

AllocatorFigures find_allocator_figures() {
  if (allocator_name().empty() || makes_few_system_calls()) return {};
  if (has_fresh_answer()) return take_answer();
  if (monotonic_time() < not_before.load(std::memory_order_relaxed)) return {};
  const bool has_answer = wants_program_thread() ? ask_program() : ask_own_thread();
  return has_answer ? take_answer() : AllocatorFigures();
}

// Where the stack cannot be followed to its end, it may be.
bool may_be_in_signal_handler(const Registers& caller) {
  const ThreadState* const thread = local.state;
  if (thread == nullptr || thread->frames == nullptr) return true;
  const std::span frames(thread->frames, kMostFrames);
  const UnwindResult result = unwind(caller, thread->stack.bounds, *thread->rows, frames, {});
  const auto found = frames.first(result.frames);
  return result.truncated || std::any_of(found.begin(), found.end(),
                                         [](const UnwoundFrame& frame) { return frame.exact; });
}

// --- the time line ---

// When there is no room left, every other point is forgotten and the distance doubles.
class MemoryTimeline {
 public:
  [[nodiscard]] bool is_due(std::int64_t now) const { return now >= due_; }

  void add(const MemoryRecord& point) {
    if (size_ == points_.size()) thin_out();
    MemoryRecord& added = points_[size_++];
    added = point;
    if (size_ > 1) added.time = std::max(added.time, points_[size_ - 2].time);
    due_ = monotonic_time() + distance_;
  }
  [[nodiscard]] std::size_t copy(std::span<MemoryRecord> to) const {
    const std::size_t count = std::min(size_, to.size());
    std::copy_n(points_.begin(), count, to.begin());
    return count;
  }
  void clear() {
    size_ = 0;
    distance_ = kSecond;
    due_ = 0;
  }

 private:
  void thin_out() {
    for (std::size_t point = 0; point < points_.size() / 2; ++point) {
      points_[point] = points_[point * 2];
    }
    size_ = points_.size() / 2;
    distance_ *= 2;
  }

  std::int64_t distance_ = kSecond;
  std::int64_t due_ = 0;
  std::size_t size_ = 0;
  std::array<MemoryRecord, kMostMemoryPoints> points_{};
};
constinit MemoryTimeline memory_timeline;
constinit ProcessLock timeline_lock;

constinit std::int64_t born = 0;  // CLOCK_MONOTONIC

}  // namespace

void read_memory_figures(SnapshotData& data) {
  {
    const ProcessLocked locked(asking);
    data.allocator = find_allocator_figures();
  }
  data.system = read_system_memory();
  const ProcessLocked locked(timeline_lock);
  memory_timeline.add({data.created, data.system.resident, data.allocator.held});
}

void offer_allocator_figures(const Registers& caller) {
  const bool is_asked =
      !allocator_name().empty() && wants_program_thread() && !makes_few_system_calls();
  if (!is_asked || local.guard || may_be_in_signal_handler(caller)) return;
  local.guard = true;
  read_into_answer(nullptr);
  local.guard = false;
}

void answer_figures_request() {
  Answer wanted = Answer::wanted;
  if (answer.load(std::memory_order_relaxed) != wanted || makes_few_system_calls()) return;
  // Where this handler has interrupted the allocator, its lists may be half changed.
  if (may_be_in_signal_handler(caller_registers())) return;
  if (answer.compare_exchange_strong(wanted, Answer::being_read)) read_into_answer(nullptr);
}

void note_resident_memory() {
  if (makes_few_system_calls()) return;
  const ProcessLocked locked(timeline_lock);
  if (!memory_timeline.is_due(monotonic_time())) return;
  const std::int64_t resident = read_resident();
  if (resident != kUnknownBytes) memory_timeline.add({real_time(), resident, kUnknownBytes});
}

std::size_t copy_memory_timeline(std::span<MemoryRecord> points) {
  const ProcessLocked locked(timeline_lock);
  return memory_timeline.copy(points);
}

void begin_memory_figures() {
  born = monotonic_time();
  reader.forget();
  answer.store(Answer::none, std::memory_order_relaxed);
  not_before.store(0, std::memory_order_relaxed);
  memory_timeline.clear();
}

bool has_lived_long() {
  return monotonic_time() - born > kSecond;
}

}  // namespace memtrace::runtime
