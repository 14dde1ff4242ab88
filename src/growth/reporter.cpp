#include "growth/reporter.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <iterator>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/utf8.hpp"
#include "mtrace/error.hpp"

namespace memtrace {

std::vector<GrownLine> GrowthBaseline::add(const LineAmounts& now, double seconds) {
  std::vector<GrownLine> grown;
  for (const auto& [line, amount] : now) {
    const auto [entry, is_new] = lines_.try_emplace(line);
    Line& known = entry->second;
    // A line that is new grew from nothing, in this window.
    if (is_new) known.since = last_;
    if (!has_baseline_) known = {amount, seconds, amount, 0};
    known.windows = amount.size > known.last.size ? known.windows + 1 : 0;
    known.last = amount;
    if (amount.size <= known.baseline.size) {
      known.baseline = amount;
      known.since = seconds;
    }
    const std::int64_t size_diff = amount.size - known.baseline.size;
    if (size_diff <= threshold_) continue;
    grown.push_back({line.filename, line.lineno, line.function, line.module, amount.size,
                     amount.count, size_diff, amount.count - known.baseline.count, known.windows,
                     seconds - known.since});
    known.baseline = amount;
    known.since = seconds;
  }
  // What holds nothing is as good as new.
  std::erase_if(lines_, [&](const auto& entry) { return !now.contains(entry.first); });
  has_baseline_ = true;
  last_ = seconds;
  std::stable_sort(grown.begin(), grown.end(), [](const GrownLine& a, const GrownLine& b) {
    return a.size_diff > b.size_diff;
  });
  return grown;
}

namespace {

void append_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    const bool is_plain = next.value >= 0x20 && next.value < 0x7F;
    if (next.value == '"' || next.value == '\\') out += '\\';
    if (is_plain) {
      out += static_cast<char>(next.value);
    } else if (next.value < 0x10000) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(next.value));
    } else {
      const std::uint32_t rest = static_cast<std::uint32_t>(next.value) - 0x10000;
      fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10),
                     0xDC00 + (rest & 0x3FF));
    }
    text.remove_prefix(next.size);
  }
  out += '"';
}

void append_member(std::string& out, std::string_view key, const std::string& text) {
  fmt::format_to(std::back_inserter(out), ", \"{}\": ", key);
  if (text.empty()) {
    out += "null";
  } else {
    append_json(out, text);
  }
}

}  // namespace

std::string json_line(const GrownLine& line, std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::string out =
      fmt::format(R"({{"schema": "mtrace.growth/1", "time": "{:%Y-%m-%dT%H:%M:%SZ}", "pid": {})",
                  fmt::gmtime(seconds), ::getpid());
  append_member(out, "filename", line.filename);
  fmt::format_to(std::back_inserter(out), ", \"lineno\": {}",
                 line.filename.empty() ? "null" : std::to_string(line.lineno));
  append_member(out, "function", line.function);
  append_member(out, "module", line.module);
  fmt::format_to(std::back_inserter(out),
                 ", \"size\": {}, \"size_diff\": {}, \"count\": {}, \"count_diff\": {}, "
                 "\"windows\": {}, \"seconds\": {:.3f}}}\n",
                 line.size, line.size_diff, line.count, line.count_diff, line.windows,
                 line.seconds);
  return out;
}

namespace {

constexpr double kMostSeconds = 1e9;

// The thread, and what it works with. A child of fork() has a thread of its own.
class Reporter {
 public:
  explicit Reporter(GrowthOptions options)
      : options_(std::move(options)), baseline_(options_.threshold.bytes()) {
    for (const std::string& pattern : options_.include) selection_.include.emplace_back(pattern);
    for (const std::string& pattern : options_.exclude) selection_.exclude.emplace_back(pattern);
    if (!options_.file.empty()) {
      file_ = ::open(options_.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
      if (file_ < 0) throw Error(std::generic_category().message(errno)).in(options_.file);
    }
  }
  ~Reporter() {
    if (file_ >= 0) ::close(file_);
  }
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  // Signals are the program's own threads'. A child of fork() that soon runs another program need
  // not look at its memory before.
  void start(bool is_forked) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this, is_forked] { run(is_forked); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      is_stopped_ = true;
    }
    wake_.notify_all();
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();  // called back: it ends when that returns
    } else {
      thread_.join();
    }
  }

  [[nodiscard]] bool is_own_thread() const {
    return thread_.get_id() == std::this_thread::get_id();
  }
  [[nodiscard]] const GrowthOptions& options() const { return options_; }

 private:
  void run(bool is_forked) {
    const UntracedScope untraced;
    pthread_setname_np(pthread_self(), "mtrace-growth");
    if (!is_forked) look();
    std::unique_lock lock(mutex_);
    const auto window = std::chrono::duration<double>(options_.every);
    while (!wake_.wait_for(lock, window, [&] { return is_stopped_; })) {
      lock.unlock();
      look();
      lock.lock();
    }
  }

  // A window that cannot be looked at is left out: the next one covers it.
  void look() {
    try {
      if (!is_traced()) return;
      Snapshot snapshot = own_snapshot({.metric = Metric::live, .domains = false});
      const LineAmounts now = line_amounts(snapshot, selection_, symbolizer_);
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin_;
      for (const GrownLine& line : baseline_.add(now, passed.count())) report(line);
    } catch (const std::exception&) {
    }
  }

  void report(const GrownLine& line) {
    {
      const std::lock_guard lock(mutex_);
      if (is_stopped_) return;
    }
    if (options_.callback) options_.callback(line);
    if (options_.callback && file_ < 0) return;
    const std::string text = json_line(line, std::chrono::system_clock::now());
    // One call for a line, so that those of several processes do not mix.
    while (::write(file_ < 0 ? STDERR_FILENO : file_, text.data(), text.size()) < 0 &&
           errno == EINTR) {
    }
  }

  GrowthOptions options_;
  Selection selection_;
  int file_ = -1;
  GrowthBaseline baseline_;
  // Threads of its own would be traced.
  Symbolizer symbolizer_{{.threads = 1}};
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopped_ = false;
  std::thread thread_;
};

// There is one in a process.
std::mutex reporter_lock;
std::shared_ptr<Reporter> reporter;
bool has_started_tracing = false;

// What the parent's thread held, or had half done, is lost to the child, and stays as it is.
void go_on_in_child() {
  reporter_lock.unlock();
  if (!reporter) return;
  const UntracedScope untraced;
  auto* const abandoned = new std::shared_ptr<Reporter>(std::move(reporter));
  reporter.reset();
  try {
    auto own = std::make_shared<Reporter>((*abandoned)->options());
    own->start(true);
    reporter = std::move(own);
  } catch (const std::exception&) {
    reporter.reset();  // a child without a reporter is better than none
  }
}

void watch_forks() {
  static const int is_watching = ::pthread_atfork([] { reporter_lock.lock(); },
                                                  [] { reporter_lock.unlock(); }, go_on_in_child);
  static_cast<void>(is_watching);
}

void stop_and_drop(std::shared_ptr<Reporter> old) {
  if (!old) return;
  old->stop();
  // The thread that called back still uses it.
  if (old->is_own_thread()) new std::shared_ptr<Reporter>(std::move(old));
}

// The thread must not outlive what it uses.
class StopAtExit {
 public:
  StopAtExit() = default;
  ~StopAtExit() { stop_reporting_growth(); }
  StopAtExit(const StopAtExit&) = delete;
  StopAtExit& operator=(const StopAtExit&) = delete;
};
const StopAtExit kStopAtExit;

}  // namespace

void report_growth(GrowthOptions options) {
  const UntracedScope untraced;
  if (!(options.every > 0 && options.every <= kMostSeconds)) {
    throw Error("the seconds of a window must be more than 0");
  }
  if (options.threshold.bytes() < 0) throw Error("the threshold is negative");
  auto fresh = std::make_shared<Reporter>(std::move(options));
  const bool has_started = start_tracer();
  watch_forks();
  std::shared_ptr<Reporter> old;
  {
    const std::lock_guard lock(reporter_lock);
    fresh->start(false);
    old = std::exchange(reporter, std::move(fresh));
    has_started_tracing |= has_started;
  }
  stop_and_drop(std::move(old));
}

void stop_reporting_growth() {
  const UntracedScope untraced;
  std::shared_ptr<Reporter> old;
  bool has_started = false;
  {
    const std::lock_guard lock(reporter_lock);
    old = std::exchange(reporter, nullptr);
    has_started = std::exchange(has_started_tracing, false);
  }
  stop_and_drop(std::move(old));
  if (has_started) stop_tracer();
}

}  // namespace memtrace
