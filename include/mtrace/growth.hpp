// Limits for the memory of a piece of code, and a reporter of what grows in a service.
//
//   TEST_CASE("an index of a thousand documents is small") {
//     memtrace::ceiling within({.growth = "1 MiB", .peak = "4 MiB"});
//     build_index(documents);
//   }
//
//   memtrace::ceiling({.growth = 0}, [] { handle(request); });  // leaves nothing behind
//   CHECK(memtrace::growth([] { handle(request); }).bytes() < 1000);
//
// A program links libmtrace and libmtrace_rt, or runs under `mtrace run`. Lines are found in its
// debug information (-g). What this allocates itself is not counted. Traced memory is the whole
// process': other threads that allocate meanwhile count, too. C++17.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mtrace/export.hpp"

namespace memtrace {

// Bytes: a number, or a text such as "50 KiB", "5M", "1.5 GB". Throws Error for another text.
class MTRACE_API ByteSize {
 public:
  template <class T, class = std::enable_if_t<std::is_integral_v<T>>>
  ByteSize(T bytes) : bytes_(static_cast<std::int64_t>(bytes)) {}   // NOLINT: a number is a size
  ByteSize(const char* text) : ByteSize(std::string_view(text)) {}  // NOLINT: and so is a text
  ByteSize(std::string_view text);                                  // NOLINT
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  std::int64_t bytes_ = 0;
};

// Limits for both; none where there is nothing.
struct GrowthLimits {
  std::optional<ByteSize> growth{};
  std::optional<ByteSize> peak{};
};

// How much a piece of code grew traced memory. Begins when it is made: starts tracing, unless it is
// on, takes a snapshot, and resets the peak. One of them inside of another resets its peak.
class MTRACE_API growth {  // NOLINT(readability-identifier-naming): reads as a word of a test
 public:
  // Throws Error where the program has no tracer or no snapshot can be taken.
  growth();
  // Of what the code does.
  template <class Code, class = std::enable_if_t<std::is_invocable_v<Code>>>
  explicit growth(Code&& code) : growth() {
    std::forward<Code>(code)();
    end();
  }
  ~growth();
  growth(const growth&) = delete;
  growth& operator=(const growth&) = delete;
  growth(growth&&) noexcept;
  growth& operator=(growth&&) noexcept;

  // Ends it; what follows does not count. So do the questions below.
  void end() const;
  // By how much live blocks exceed those at the beginning.
  [[nodiscard]] std::int64_t bytes() const;
  // By how much the most that were alive at a time exceeds what was at the beginning.
  [[nodiscard]] std::int64_t peak() const;
  // The lines that grew most, or that took most at the peak: a line of text each. Takes some
  // milliseconds, and longer the first time that debug information is read.
  [[nodiscard]] std::string lines() const;
  [[nodiscard]] std::string peak_lines() const;
  // By how much it exceeds the limits, with the lines that took most; empty: it does not.
  [[nodiscard]] std::string problems(const GrowthLimits& limits) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "+1.2 MiB", with the lines that grew most: for a test's message.
MTRACE_API std::ostream& operator<<(std::ostream& out, const growth& grown);

// The message says by how much, and names the lines that took most.
class MTRACE_API CeilingExceeded : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  CeilingExceeded(const CeilingExceeded&) = default;
  CeilingExceeded& operator=(const CeilingExceeded&) = default;
  ~CeilingExceeded() override;
};

// Throws CeilingExceeded if its scope, or the code that it is given, exceeds the limits. Where an
// exception leaves the scope, that one passes.
class MTRACE_API ceiling {  // NOLINT(readability-identifier-naming): the same
 public:
  explicit ceiling(GrowthLimits limits);
  template <class Code, class = std::enable_if_t<std::is_invocable_v<Code>>>
  ceiling(GrowthLimits limits, Code&& code) : ceiling(limits) {
    std::forward<Code>(code)();
  }
  ceiling(const ceiling&) = delete;
  ceiling& operator=(const ceiling&) = delete;
  ~ceiling() noexcept(false);

  // Before the end of the scope, which then is none any more.
  void check();

 private:
  GrowthLimits limits_;
  growth growth_;
  int exceptions_ = std::uncaught_exceptions();
  bool is_checked_ = false;
};

// A line that grew in a service; mtrace/growth.h says what is what.
struct GrownLine {
  std::string filename;  // empty: unknown
  std::uint32_t lineno = 0;
  std::string function, module;
  std::int64_t size = 0, count = 0;
  std::int64_t size_diff = 0, count_diff = 0;
  std::uint64_t windows = 0;
  double seconds = 0;
};

struct GrowthOptions {
  double every = 300;             // seconds of a window
  ByteSize threshold = 50 << 10;  // a line that grew by more is reported
  std::vector<std::string> include{}, exclude{};
  std::string file{};  // JSON lines are appended; empty: standard error, unless there is a callback
  // On the reporter's thread. What it throws is dropped.
  std::function<void(const GrownLine& line)> callback{};
};

// mtrace_report_growth() and mtrace_stop_reporting_growth(). There is one reporter in a process.
// Throws Error.
MTRACE_API void report_growth(GrowthOptions options);
MTRACE_API void stop_reporting_growth();

}  // namespace memtrace
