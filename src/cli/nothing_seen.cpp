#include "cli/nothing_seen.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/untraceable.hpp"
#include "mtrace/error.hpp"
#include "mtrace/read.hpp"

namespace memtrace {
namespace {

// Whether any block was ever recorded in it. What is not there any more does not say.
bool holds_something(const std::string& path) {
  try {
    const SnapshotInfo info = read_info(path);
    return std::ranges::any_of(info.totals,
                               [](const auto& total) { return total && total->count != 0; });
  } catch (const Error&) {
    return false;
  }
}

// Then all blocks may have been passed over.
bool is_sampled(const std::string& path) {
  try {
    return read_info(path).metadata.sampling_rate.has_value();
  } catch (const Error&) {
    return false;
  }
}

std::string malloc_in_front(const std::string& name, const std::string& file) {
  if (!file.empty()) {
    return fmt::format(
        "{} defines malloc and is loaded before the tracer, which sees nothing: name "
        "it in LD_PRELOAD, without mtrace's own library, and leave the order to "
        "mtrace run",
        file);
  }
  return fmt::format(
      "{} has its allocator inside of it (it defines malloc itself), where no call of "
      "it can be seen: build it with the C library's, or with the allocator as a "
      "shared library; --mmap traces what it maps",
      name);
}

}  // namespace

std::string why_nothing_was_seen(const std::string& name, const RunReport::Content& content) {
  const bool is_written = std::ranges::any_of(
      content.snapshots, [](const auto& snapshot) { return snapshot.error == 0; });
  const bool is_seen = std::ranges::any_of(content.snapshots, [](const auto& snapshot) {
    return snapshot.error == 0 && holds_something(snapshot.path);
  });
  if (!is_written || is_seen) return {};
  if (!content.other_mallocs.empty()) return malloc_in_front(name, content.other_mallocs.front());
  if (is_go_program(name)) {
    return fmt::format(
        "{} is a Go program, whose memory is its own runtime's: nothing of it can be "
        "seen, but by Go's pprof; --mmap traces what it maps",
        name);
  }
  const bool may_be_passed_over = std::ranges::any_of(content.snapshots, [](const auto& snapshot) {
    return snapshot.error == 0 && is_sampled(snapshot.path);
  });
  if (may_be_passed_over) return {};
  return fmt::format(
      "{} asked neither malloc nor operator new for anything: the snapshot is empty; "
      "--mmap traces what it maps",
      name);
}

}  // namespace memtrace
