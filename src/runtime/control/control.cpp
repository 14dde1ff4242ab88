#include "runtime/control/control.hpp"

#include <fcntl.h>

#include <atomic>
#include <cerrno>

#include "runtime/control/exit.hpp"
#include "runtime/control/own_thread.hpp"
#include "runtime/control/requests.hpp"
#include "runtime/control/series.hpp"
#include "runtime/control/start_options.hpp"
#include "runtime/os/clock.hpp"
#include "runtime/os/environment.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/report.hpp"
#include "runtime/snapshot/snapshot_writer.hpp"
#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// The process' own copy of what MTRACE said.
constinit TextBuffer<2 * PATH_MAX> start_text;
constinit TextBuffer<2 * PATH_MAX> output_pattern;
constinit StartOptions options;
// MTRACE said it; otherwise the program started the tracing itself.
bool by_environment = false;

int traced_process = 0;
bool last_is_taken = false;

// One snapshot, from the copied counters to its name. There is one at a time; it is no local
// variable because an alternate signal stack may be small.
struct Job {
  SnapshotData data;
  Requester requester;
  std::uint64_t number = 0;
  PathBuffer path;
};
constinit Job job;
Lock job_lock;

// What signal handlers want while their thread is inside of a hook.
struct Pending {
  static constexpr std::size_t kMostRequests = 16;
  std::atomic<bool> snapshot{false};
  std::atomic<std::uint64_t> requests[kMostRequests];  // process and number; 0: free
};
constinit Pending pending;

SnapshotName snapshot_name() {
  const bool is_first = options.first_process == 0 ||
                        options.first_process == static_cast<std::uint64_t>(traced_process);
  return {output_pattern.text(), program_name(), traced_process, is_first};
}

// On a thread of its own: system calls and the tracer's own memory only.
int write_job() {
  const SnapshotName name = snapshot_name();
  const Series series(name, options.keep);
  SnapshotFile file;
  series.write_path(job.path, job.number);
  int error = 0;
  if (!job.path.is_whole()) {
    error = ENAMETOOLONG;
  } else if (!file.create(job.path.c_str())) {
    error = file.error();
  } else {
    error = write_snapshot_content(job.data, file.descriptor());
    const bool done = error == 0 && file.sync() && series.publish(file, job.number, job.path);
    if (error == 0 && !done) error = file.error();
  }
  return error;
}

void finish_job(void*) {
  const int error = write_job();
  release_snapshot_data(job.data);
  report(error == 0 ? ReportKind::written : ReportKind::failed, job.path.text(), error);
  answer(job.requester, error, job.path.text());
}

void start_job(const Requester& requester) {
  job.requester = requester;
  job.number = ++options.snapshots_so_far;
  if (take_snapshot_data(job.data)) {
    run_on_own_thread(finish_job, nullptr);
  } else {
    --options.snapshots_so_far;
    answer(requester, is_tracing() ? ENOMEM : ENODATA, {});
  }
}

}  // namespace

bool is_traced_process() {
  return traced_process == process_id();
}

void take_next_snapshot(Waiting waiting, const Requester& requester) {
  const SignalsBlocked blocked;
  const bool guard = local.guard;
  local.guard = true;
  job_lock.lock();
  wait_for_own_thread();
  start_job(requester);
  if (waiting == Waiting::yes) wait_for_own_thread();
  job_lock.unlock();
  local.guard = guard;
}

void take_last_snapshot() {
  if (!is_traced_process()) return;
  const bool wanted = options.at_exit && !options.output.empty() && is_tracing();
  if (wanted && !last_is_taken) {
    last_is_taken = true;
    take_next_snapshot(Waiting::yes);
  }
  wait_for_own_thread();
}

// --- signals ---

namespace {

std::uint64_t packed(const Requester& requester) {
  return std::uint64_t{static_cast<std::uint32_t>(requester.process)} << 32 |
         static_cast<std::uint32_t>(requester.number);
}

Requester unpacked(std::uint64_t value) {
  return {.process = static_cast<int>(value >> 32), .number = static_cast<int>(value & 0xFFFFFFFF)};
}

void remember(const Requester& requester) {
  for (auto& slot : pending.requests) {
    std::uint64_t free = 0;
    if (slot.compare_exchange_strong(free, packed(requester))) break;
  }
}

void on_snapshot_signal(int, siginfo_t*, void*) {
  if (!is_traced_process()) return;
  if (!local.guard) return take_next_snapshot(Waiting::no);
  pending.snapshot = true;
  attention = true;
}

void on_request(int signal, siginfo_t* information, void*) {
  if (!is_request(*information)) return end_by_signal(signal, information, nullptr);
  const Requester requester = requester_of(*information);
  if (!is_traced_process() || requester.process == 0) return;
  if (!local.guard) return take_next_snapshot(Waiting::no, requester);
  remember(requester);
  attention = true;
}

void schedule_next() {
  attention_due = options.interval == 0
                      ? kNever
                      : coarse_time() + static_cast<std::int64_t>(options.interval) * kSecond;
}

bool take_interval_snapshot() {
  if (options.interval == 0 || attention_due != kNever) return false;
  // While a slow disk still writes the last one, another one would only hold up the program.
  if (!is_own_thread_running()) take_next_snapshot(Waiting::no);
  schedule_next();
  return true;
}

}  // namespace

void attend() {
  meet_pending_death();
  take_interval_snapshot();
  if (pending.snapshot.exchange(false)) take_next_snapshot(Waiting::no);
  for (auto& slot : pending.requests) {
    const std::uint64_t value = slot.exchange(0);
    if (value != 0) take_next_snapshot(Waiting::no, unpacked(value));
  }
}

// --- the process ---

namespace {

// Relative to the folder in which the tracing began.
void make_output_pattern() {
  const std::string_view pattern = options.output.empty() ? kDefaultPattern : options.output;
  char folder[PATH_MAX];
  const long size = system_call(SYS_getcwd, folder, sizeof(folder));
  if (size > 1 && folder[0] == '/' && !pattern.starts_with('/')) output_pattern << folder << '/';
  output_pattern << pattern;
}

void install_triggers() {
  find_real_signal_functions();
  if (options.signal != 0) handle_by_default(static_cast<int>(options.signal), on_snapshot_signal);
  if (options.at_exit && !options.output.empty()) watch_exits();
  accept_requests();
  schedule_next();
}

}  // namespace

void accept_requests() {
  static constinit std::atomic<bool> has_output{false};
  if (!is_traced_process()) traced_process = process_id();
  if (!has_output.exchange(true)) make_output_pattern();
  find_real_signal_functions();
  publish_request_signal(on_request);
}

void start_from_environment() {
  start_text << start_variable();
  if (start_text.text().empty()) return;
  if (!start_text.is_whole() || !parse_start_options(start_text.text(), options)) return;
  by_environment = true;
  if (options.by_run) hide_start_variables();
  traced_process = process_id();
  if (options.by_run && options.first_process == 0) {
    options.first_process = static_cast<std::uint64_t>(traced_process);
  }
  report_to(options.report);
  process_identity();
  if (!start_tracing(options.settings)) return report(ReportKind::failed, program_name(), ENOMEM);
  install_triggers();
  report(ReportKind::started, process_identity().program);
}

void child_after_fork() {
  if (traced_process == 0) return;
  forget_own_thread();
  job_lock.reset();
  if (options.follow_fork || !by_environment) {
    traced_process = process_id();
    options.snapshots_so_far = 0;
    last_is_taken = false;
    schedule_next();
    return report(ReportKind::started, process_identity().program);
  }
  traced_process = 0;
  attention_due = kNever;
  restore_signals();
  withdraw_request_signal();
  stop_tracing();
}

// --- programs that the process executes ---

bool follows_execution(bool is_other_process) {
  if (traced_process == 0 || !options.by_run) return false;
  return options.follow_fork || !is_other_process;
}

void write_start_value(StartValue& value, bool is_other_process) {
  write_start_value(value, start_text.text(), options.first_process,
                    is_other_process ? 0 : options.snapshots_so_far);
}

}  // namespace memtrace::runtime
