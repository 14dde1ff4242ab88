#include "runtime/control/control.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "runtime/control/annotations.hpp"
#include "runtime/control/memory_figures.hpp"
#include "runtime/control/own_thread.hpp"
#include "runtime/control/process.hpp"
#include "runtime/control/requests.hpp"
#include "runtime/control/service.hpp"
#include "runtime/control/signal_actions.hpp"
#include "runtime/control/thread_view.hpp"
#include "runtime/os/environment.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/os/messages.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/snapshot/snapshot_writer.hpp"
#include "runtime/snapshot/written_series.hpp"
#include "runtime/tracer/snapshot_copy.hpp"
#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

// The process' own copy of what MTRACE said.
constinit TextBuffer<2 * PATH_MAX> start_text;
constinit TextBuffer<2 * PATH_MAX> output_pattern;
constinit StartOptions options;
// MTRACE said it; otherwise the program started the tracing itself.
bool by_environment = false;

// --- one snapshot: on the service's thread, or on its stack ---

// This program is not to be traced, but those that it executes may be.
bool only_passes_on = false;
bool last_is_taken = false;
std::int64_t next_time = kNever;  // CLOCK_MONOTONIC
constinit PathBuffer path;
constinit SnapshotData data;

SnapshotName snapshot_name() {
  const bool is_first = options.first_process == 0 ||
                        options.first_process == static_cast<std::uint64_t>(traced_process());
  return {output_pattern.text(), program_name(), traced_process(), is_first};
}

// Whoever asked says where: it is none of the series.
int write_data_to(std::string_view file) {
  path << file;
  if (!path.is_whole()) return ENAMETOOLONG;
  int error = 0;
  return write_snapshot(data, path.c_str(), &error) ? 0 : error;
}

int write_data(std::uint64_t number) {
  const SnapshotName name = snapshot_name();
  const WrittenSeries series(name, options.keep);
  WholeFile file;
  series.write_path(path, number);
  if (!path.is_whole()) return ENAMETOOLONG;
  if (!file.create(path.c_str())) return file.error();
  const int error = write_snapshot_content(data, file.descriptor());
  if (error != 0) return error;
  return file.sync() && series.publish(file, number, path) ? 0 : file.error();
}

constinit std::array<MemoryRecord, kMostMemoryPoints> memory_points;

// Of a child that lives for milliseconds nobody wants to know.
bool wants_memory_figures(bool is_last) {
  const bool is_first = options.first_process == static_cast<std::uint64_t>(traced_process());
  return is_first || !is_last || has_lived_long();
}

// 0 or an error's number; then `path` is where it was to be.
int take_next_snapshot(bool is_last = false, const Labels& labels = options.labels,
                       std::string_view file = {}) {
  path.clear();
  if (!take_snapshot_data(data)) return has_traces() ? EAGAIN : ENODATA;
  data.work = work.done();
  data.labels = labels.items();
  if (wants_memory_figures(is_last)) read_memory_figures(data);
  data.memory_timeline = {memory_points.data(), copy_memory_timeline(memory_points)};
  use_program_umask();
  const int error = file.empty() ? write_data(++options.snapshots_so_far) : write_data_to(file);
  release_snapshot_data(data);
  if (file.empty())
    send_message(error == 0 ? MessageKind::written : MessageKind::failed, path.text(), error);
  return error;
}

// None comes after the last one: it would show what destructors have left.
void schedule_next() {
  const bool is_wanted_again = options.interval != 0 && !last_is_taken;
  next_time = is_wanted_again ? monotonic_time() + options.interval : kNever;
  // Without a thread of its own the tracer looks at the clock now and then in the program's.
  attention_due =
      is_wanted_again && !is_service_running() ? coarse_time() + options.interval : kNever;
}

bool wants_last_snapshot() {
  return options.at_exit && !options.output.empty() && has_traces();
}

// --- what the service does ---

bool has_reported = false;

void begin_in_process() {
  if (has_reported) return;
  has_reported = true;
  send_message(MessageKind::started, process_identity().program);
  if (other_malloc() != nullptr) send_message(MessageKind::other_malloc, other_malloc());
  schedule_next();
}

void begin_service() {
  keep_messages_open();
  begin_in_process();
}

void perform(Duty duty) {
  if (duty == Duty::snapshot) take_next_snapshot();
  if (duty == Duty::last_snapshot && wants_last_snapshot() && !last_is_taken) {
    last_is_taken = true;
    take_next_snapshot(true);
    schedule_next();
  }
}

std::int64_t next_due() {
  return next_time;
}

// From the time at which it was due, so that they do not drift; a disk that is too slow for the
// interval makes it longer.
void take_interval_snapshot() {
  const std::int64_t due = next_time;
  if (is_tracing()) take_next_snapshot();
  const std::int64_t now = monotonic_time();
  next_time = due + options.interval;
  if (next_time < now) next_time = now + options.interval;
}

// What a request tells of the snapshot. false where that is not understood.
bool note_annotations(std::string_view lines, Labels& labels, std::string_view& file) {
  constexpr std::string_view kWork = "work=", kLabel = "label=", kFile = "file=";
  while (!lines.empty()) {
    std::string_view line(lines.data(), std::min(lines.find('\n'), lines.size()));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    if (line.starts_with(kWork)) {
      line.remove_prefix(kWork.size());
      std::uint64_t done = 0;
      if (!parse_number(line, done)) return false;
      work.set(done);
    } else if (line.starts_with(kLabel)) {
      line.remove_prefix(kLabel.size());
      if (!labels.set(line)) return false;
    } else if (line.starts_with(kFile)) {
      line.remove_prefix(kFile.size());
      file = line;
    } else {
      return false;
    }
  }
  return true;
}

void serve_request(int listener) {
  const ReceivedRequest request(listener);
  if (!request.is_valid()) return;
  Labels labels = options.labels;
  std::string_view file;
  const int error = note_annotations(request.options(), labels, file)
                        ? take_next_snapshot(false, labels, file)
                        : EINVAL;
  request.answer(error, path.text());
}

void note_memory() {
  if (is_tracing() && has_lived_long()) note_resident_memory();
}

constexpr ServiceWork kWork = {
    .begin = begin_service,
    .perform = perform,
    .due = next_due,
    .at_time = take_interval_snapshot,
    .at_wake = note_memory,
    .serve = serve_request,
    .open_door = open_request_socket,
};

void begin_service_or_do_without() {
  if (!start_service(kWork)) begin_in_process();
}

// --- what the program's threads do ---

// A signal asked for a snapshot inside of a hook, where no service runs.
constinit std::atomic<bool> is_wanted{false};

void on_snapshot_signal(int, siginfo_t*, void*) {
  if (!is_traced_process()) return;
  if (is_service_running()) return ask_service(Duty::snapshot);
  is_wanted = true;
  attention = true;
  if (!local.guard) attend();
}

void ask_or_do(Duty duty) {
  // A slow disk may take long to write a large snapshot; one that does not answer must not keep the
  // program from ending.
  constexpr std::int64_t kPatience = 120 * kSecond;
  if (is_service_running()) {
    ask_service_and_wait(duty, kPatience);
  } else {
    do_service_here(duty);
  }
}

// Relative to the folder in which the tracing began.
void make_output_pattern() {
  const std::string_view pattern = options.output.empty() ? kDefaultPattern : options.output;
  char folder[PATH_MAX];
  const long size = system_call(SYS_getcwd, folder, sizeof(folder));
  if (size > 1 && folder[0] == '/' && !pattern.starts_with('/')) output_pattern << folder << '/';
  output_pattern << pattern;
}

}  // namespace

namespace {

void attend_in_process() {
  if (!is_traced_process()) return;
  end_long_looks();
  answer_figures_request();
  if (is_service_running()) {
    if (is_wanted.exchange(false)) ask_service(Duty::snapshot);
    return;
  }
  const bool is_due = options.interval != 0 && attention_due == kNever;
  if (!is_wanted.exchange(false) && !is_due) return;
  do_service_here(Duty::snapshot);
  if (is_due) schedule_next();
}

constexpr TracerOwner kOwner = {.attend = attend_in_process, .tracing_gave_up = take_last_snapshot};

}  // namespace

void take_last_snapshot() {
  if (!is_traced_process()) return;
  if (!wants_last_snapshot()) return ask_or_do(Duty::nothing);
  if (wants_memory_figures(true)) offer_allocator_figures(caller_registers());
  ask_or_do(Duty::last_snapshot);
}

void take_snapshot_before_end() {
  if (is_traced_process() && wants_last_snapshot()) ask_or_do(Duty::snapshot);
}

void finish_snapshots() {
  if (is_traced_process() && is_service_running()) ask_or_do(Duty::nothing);
}

void continue_service() {
  begin_service_or_do_without();
}

void accept_requests() {
  static constinit std::atomic<bool> has_output{false};
  if (!is_traced_process()) set_traced_process(true);
  set_tracer_owner(kOwner);
  process_identity();
  if (!has_output.exchange(true)) make_output_pattern();
  if (is_service_running()) return;
  begin_service_or_do_without();
  // It has said that the tracing began, before anything ends the program.
  constexpr std::int64_t kPatience = 5 * kSecond;
  ask_service_and_wait(Duty::nothing, kPatience);
}

namespace {

// Those whose default action ends the process, but for SIGKILL and debuggers' SIGTRAP. The kernel's
// own real-time signals below SIGRTMIN are libc's.
constexpr int kFatalSignals[] = {SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGABRT, SIGBUS,    SIGFPE,
                                 SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,   SIGXCPU,
                                 SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSTKFLT, SIGSYS};
constexpr int kFirstRealTimeSignal = 34;

// What it has interrupted may be the tracer's own work, in this thread: another thread takes the
// snapshot, and gives up what this one holds.
void end_by_signal(int signal, siginfo_t* information, void*) {
  take_last_snapshot();
  meet_default_action(signal, information);
}

// Fatal signals and quick_exit() take a last snapshot from now on. exit(), _exit() and the end of
// main() always do.
void watch_exits() {
  for (const int signal : kFatalSignals) handle_by_default(signal, end_by_signal);
  for (int signal = kFirstRealTimeSignal; signal < NSIG; ++signal) {
    handle_by_default(signal, end_by_signal);
  }
  // abort() may be on its way; or the program has raised the signal, and goes on.
  call_after_abort_handler(take_snapshot_before_end);
  // The first to be registered is the last to be called.
  at_quick_exit(take_last_snapshot);
}

void say_what_is_wrong() {
  constexpr std::size_t kEnough = 80;
  const std::string_view wrong = options.wrong;
  TextBuffer<256> line;
  line << "MTRACE has '" << std::string_view(wrong.data(), std::min(wrong.size(), kEnough))
       << "', which is no option or no value for it: nothing is traced";
  say(line.text());
}

}  // namespace

void start_from_environment() {
  start_text << start_variable();
  if (start_text.text().empty()) return;
  if (!start_text.is_whole()) return say("MTRACE is longer than two paths: nothing is traced");
  if (!parse_start_options(start_text.text(), options)) return say_what_is_wrong();
  by_environment = true;
  begin_memory_figures();
  if (options.by_run) hide_start_variables();
  set_traced_process(true);
  if (options.by_run && options.first_process == 0) {
    options.first_process = static_cast<std::uint64_t>(traced_process());
  }
  send_messages_to(options.report);
  process_identity();
  if (!options.only.includes_this()) {
    set_traced_process(false);
    only_passes_on = true;
    return send_message(MessageKind::passed_on, process_identity().program);
  }
  set_tracer_owner(kOwner);
  if (!start_tracing(options.settings)) return send_message(MessageKind::given_up, why_refused());
  if (options.signal != 0) handle_by_default(static_cast<int>(options.signal), on_snapshot_signal);
  if (options.at_exit && !options.output.empty()) watch_exits();
  accept_requests();
}

void child_after_fork(bool is_whole) {
  begin_memory_figures();
  work.forget();
  if (traced_process() == 0) return;
  forget_service();
  forget_looks();
  if (is_whole && (options.follow_fork || !by_environment)) {
    set_traced_process(true);
    options.snapshots_so_far = 0;
    last_is_taken = false;
    has_reported = false;
    return begin_service_or_do_without();
  }
  set_traced_process(false);
  attention_due = kNever;
  restore_signals();
  abandon_tracing();
}

// --- a snapshot of the program's own ---

bool set_label(std::string_view text) {
  const Guarded guarded;
  return options.labels.set(text);
}

namespace {

struct OwnSnapshot {
  SnapshotData& data;
  const char* path;
  int error = 0;
};
void write_own_snapshot(void* what) {
  auto& snapshot = *static_cast<OwnSnapshot*>(what);
  std::array<MemoryRecord, kMostMemoryPoints> points;
  snapshot.data.memory_timeline = {points.data(), copy_memory_timeline(points)};
  write_snapshot(snapshot.data, snapshot.path, &snapshot.error);
}

}  // namespace

int take_snapshot(const char* to) {
  offer_allocator_figures(caller_registers());
  const Guarded guarded;
  SnapshotData copy;
  if (!take_snapshot_data(copy)) return has_traces() ? ENOMEM : ENODATA;
  OwnSnapshot snapshot{copy, to};
  const SignalsBlocked blocked;
  copy.work = work.done();
  copy.labels = options.labels.items();
  read_memory_figures(copy);
  OwnThread writer;
  // What writing raises (SIGXFSZ, SIGPIPE) ends with the thread.
  if (writer.start(write_own_snapshot, &snapshot)) {
    writer.join();
  } else {
    write_own_snapshot(&snapshot);
  }
  writer.release();
  release_snapshot_data(copy);
  return snapshot.error;
}

// --- programs that the process executes ---

bool follows_execution(bool is_other_process) {
  if (!options.by_run || (traced_process() == 0 && !only_passes_on)) return false;
  return options.follow_fork || !is_other_process;
}

StartValue start_value_for_program(bool is_other_process) {
  const bool is_first =
      only_passes_on && options.first_process == static_cast<std::uint64_t>(process_id());
  return start_value_for(start_text.text(), options.first_process,
                         is_first || !is_other_process ? options.snapshots_so_far : 0);
}

}  // namespace memtrace::runtime
