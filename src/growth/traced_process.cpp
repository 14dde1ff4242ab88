#include "growth/traced_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "mtrace/error.hpp"
#include "mtrace/mtrace.h"
#include "mtrace/report.hpp"

// A program may use the library without a tracer.
#pragma weak mtrace_start
#pragma weak mtrace_stop
#pragma weak mtrace_is_tracing
#pragma weak mtrace_take_snapshot
#pragma weak mtrace_get_error_text
#pragma weak mtrace_get_traced_memory
#pragma weak mtrace_reset_peak
#pragma weak mtrace_set_untraced

namespace memtrace {
namespace {

// A file that is gone with its object.
class TemporaryFile {
 public:
  TemporaryFile() {
    const char* const folder = std::getenv("TMPDIR");
    path_ = fmt::format("{}/mtrace-XXXXXX", folder == nullptr || *folder == 0 ? "/tmp" : folder);
    file_ = ::mkostemp(path_.data(), O_CLOEXEC);
    if (file_ < 0) throw Error(std::generic_category().message(errno)).in(path_);
  }
  ~TemporaryFile() {
    ::close(file_);
    ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  int file_ = -1;
};

std::string text_or_empty(const std::optional<std::string_view>& text) {
  return std::string(text.value_or(""));
}

LineName line_of(const FrameView& frame) {
  LineName line{text_or_empty(frame.filename), frame.lineno, text_or_empty(frame.function),
                text_or_empty(frame.module)};
  if (frame.offset) line.filename = fmt::format("{}+{:#x}", line.module, *frame.offset);
  return line;
}

}  // namespace

UntracedScope::UntracedScope()
    : was_(mtrace_set_untraced != nullptr && mtrace_set_untraced(1) != 0) {}

UntracedScope::~UntracedScope() {
  if (mtrace_set_untraced != nullptr) mtrace_set_untraced(was_ ? 1 : 0);
}

bool has_tracer() {
  return mtrace_start != nullptr && mtrace_set_untraced != nullptr;
}

bool is_traced() {
  return has_tracer() && mtrace_is_tracing() != 0;
}

bool start_tracer() {
  if (!has_tracer()) {
    throw Error("the program has no tracer: link libmtrace_rt, or run it under 'mtrace run'");
  }
  if (is_traced()) return false;
  if (mtrace_start(0) == 0) throw Error("there is no memory for the tracer");
  return true;
}

void stop_tracer() {
  if (is_traced()) mtrace_stop();
}

MemoryNow traced_bytes() {
  MemoryNow bytes;
  if (is_traced()) mtrace_get_traced_memory(&bytes.current, &bytes.peak);
  return bytes;
}

void reset_traced_peak() {
  if (is_traced()) mtrace_reset_peak();
}

Snapshot own_snapshot(const ReadOptions& options) {
  if (!has_tracer()) throw Error("the program has no tracer");
  const TemporaryFile file;
  if (mtrace_take_snapshot(file.path().c_str()) == 0) {
    throw Error(fmt::format("no snapshot: {}", mtrace_get_error_text(errno)));
  }
  return read_snapshot(file.path(), options);
}

LineAmounts line_amounts(Snapshot& snapshot, const Selection& selection, Symbolizer& symbolizer) {
  if (has_addresses(snapshot)) symbolizer.symbolize(snapshot);
  const TopReport report = top(snapshot, selection);
  LineAmounts amounts;
  std::vector<FrameView> frames;
  for (const Statistic& statistic : report.statistics) {
    report.traceback(statistic.group, frames);
    Amount& amount = amounts[frames.empty() ? LineName() : line_of(frames.back())];
    amount.size += statistic.amount.size;
    amount.count += statistic.amount.count;
  }
  return amounts;
}

}  // namespace memtrace
