// Words and a progress bar on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace memtrace {

// One line that begins with "mtrace: ". Nothing in it moves a cursor or begins a line, and where
// standard error cannot be written, it is lost without further ado.
void complain(std::string_view message);

// What goes on, and what it counts: "reading", bytes to a mebibyte, "MiB".
struct ProgressUnit {
  const char* verb;
  double size;
  const char* name;
};
inline constexpr ProgressUnit kReadingBytes = {"reading", 1 << 20, "MiB"};
inline constexpr ProgressUnit kReadingSnapshots = {"reading", 1, "snapshots"};
inline constexpr ProgressUnit kWritingRows = {"writing", 1, "rows"};
inline constexpr ProgressUnit kLookingUpAddresses = {"looking up", 1, "addresses"};

// Appears when something takes longer than half a second and a person is watching; disappears in
// the end. Costs a look at the clock for each piece.
class ProgressBar {
 public:
  explicit ProgressBar(const std::string& title, const ProgressUnit& unit = kReadingBytes);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(std::uint64_t done, std::uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;

  void draw(std::uint64_t done, std::uint64_t total);

  std::string title_;
  ProgressUnit unit_;
  bool watched_;
  bool drawn_ = false;
  Clock::time_point next_draw_;
};

}  // namespace memtrace
