#include "cli/standard_error.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "render/escape.hpp"

namespace memtrace {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(500);
constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr std::uint64_t kProgressWidth = 30;

// A progress bar that cannot be drawn is no reason to fail.
void draw_line(const std::string& text) {
  static_cast<void>(std::fputs(("\r\x1b[K" + text).c_str(), stderr));
}

}  // namespace

void complain(std::string_view message) {
  const std::string line = "mtrace: " + escaped(message) + "\n";
  static_cast<void>(std::fputs(line.c_str(), stderr));
}

ProgressBar::ProgressBar(const std::string& title, const ProgressUnit& unit)
    : title_(escaped(title)),
      unit_(unit),
      watched_(isatty(STDERR_FILENO) == 1),
      next_draw_(Clock::now() + kPatience) {}

ProgressBar::~ProgressBar() {
  if (drawn_) draw_line("");
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total) {
  if (!watched_) return;
  const auto now = Clock::now();
  if (now < next_draw_) return;
  next_draw_ = now + kRedrawEvery;
  draw(done, total);
}

void ProgressBar::draw(std::uint64_t done, std::uint64_t total) {
  drawn_ = true;
  const double shown = static_cast<double>(done) / unit_.size;
  if (total == 0) {
    draw_line(fmt::format("{} {}: {:.0f} {}", unit_.verb, title_, shown, unit_.name));
    return;
  }
  const std::uint64_t filled = std::min(done, total) * kProgressWidth / total;
  draw_line(fmt::format("{} {} [{:#<{}}{:.<{}}] {:.0f} of {:.0f} {}", unit_.verb, title_, "",
                        filled, "", kProgressWidth - filled, shown,
                        static_cast<double>(total) / unit_.size, unit_.name));
}

}  // namespace memtrace
