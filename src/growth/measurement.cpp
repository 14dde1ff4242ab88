// Limits for the memory of a piece of code: mtrace/growth.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <vector>

#include "base/byte_size.hpp"
#include "growth/traced_process.hpp"
#include "mtrace/growth.hpp"

namespace memtrace {
namespace {

constexpr std::size_t kShownLines = 5;

// "  server.cpp:38 in fill: +1.2 MiB in 12 blocks"
std::string line_text(const LineName& line, const Amount& grown) {
  std::string text = "  " + (line.filename.empty() ? std::string("<unknown>") : line.filename);
  if (line.lineno != 0) text += fmt::format(":{}", line.lineno);
  if (!line.function.empty()) text += " in " + line.function;
  text += ": " + size_text(grown.size, true);
  if (grown.count > 0) {
    text += fmt::format(" in {} {}", grown.count, grown.count == 1 ? "block" : "blocks");
  }
  return text + "\n";
}

// The lines with more than before, the biggest rise first.
std::string grown_lines(const LineAmounts& before, const LineAmounts& now) {
  std::vector<std::pair<Amount, const LineName*>> grown;
  for (const auto& [line, amount] : now) {
    const auto found = before.find(line);
    const Amount then = found == before.end() ? Amount() : found->second;
    if (amount.size > then.size) {
      grown.push_back({{amount.size - then.size, amount.count - then.count}, &line});
    }
  }
  std::stable_sort(grown.begin(), grown.end(),
                   [](const auto& a, const auto& b) { return a.first.size > b.first.size; });
  std::string text;
  for (std::size_t i = 0; i < std::min(grown.size(), kShownLines); ++i) {
    text += line_text(*grown[i].second, grown[i].first);
  }
  if (grown.size() > kShownLines) text += fmt::format("  … {} more\n", grown.size() - kShownLines);
  return text;
}

std::string exceeded(std::string_view what, std::int64_t bytes, std::int64_t limit) {
  return fmt::format("memory {} {} ({} bytes) exceeds the limit of {} ({} bytes)\n", what,
                     size_text(bytes), bytes, size_text(limit), limit);
}

}  // namespace

ByteSize::ByteSize(std::string_view text) : bytes_(parse_size(text)) {}

struct growth::State {
  bool has_started = false;
  bool has_ended = false;
  Snapshot before, after;
  std::int64_t begin = 0, bytes = 0, peak = 0;
  // Threads of its own would be traced.
  Symbolizer symbolizer{{.threads = 1}};
  LineAmounts lines_before{};
  bool has_lines = false;

  State() {
    has_started = start_tracer();
    before = own_snapshot();
    reset_traced_peak();
    begin = static_cast<std::int64_t>(traced_bytes().current);
  }

  ~State() { end(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void end() {
    if (has_ended) return;
    has_ended = true;
    const MemoryNow now = traced_bytes();
    bytes = static_cast<std::int64_t>(now.current) - begin;
    peak = std::max<std::int64_t>(0, static_cast<std::int64_t>(now.peak) - begin);
    try {
      after = own_snapshot();
    } catch (const std::exception&) {
      after = Snapshot();  // then there are no lines to name
    }
    if (has_started) stop_tracer();
  }

  std::string lines(Metric metric) {
    if (!after.rows[metric]) return {};
    if (!has_lines) lines_before = line_amounts(before, {}, symbolizer);
    has_lines = true;
    return grown_lines(lines_before, line_amounts(after, {.metric = metric}, symbolizer));
  }
};

growth::growth() {
  const UntracedScope untraced;
  state_ = std::make_unique<State>();
}

growth::~growth() {
  const UntracedScope untraced;
  state_.reset();
}

growth::growth(growth&&) noexcept = default;
growth& growth::operator=(growth&&) noexcept = default;

void growth::end() const {
  const UntracedScope untraced;
  state_->end();
}

std::int64_t growth::bytes() const {
  end();
  return state_->bytes;
}

std::int64_t growth::peak() const {
  end();
  return state_->peak;
}

std::string growth::lines() const {
  end();
  const UntracedScope untraced;
  return state_->lines(Metric::live);
}

std::string growth::peak_lines() const {
  end();
  const UntracedScope untraced;
  return state_->lines(Metric::peak);
}

std::string growth::problems(const GrowthLimits& limits) const {
  end();
  const UntracedScope untraced;
  std::string problems;
  if (limits.peak && peak() > limits.peak->bytes()) {
    problems += exceeded("peak", peak(), limits.peak->bytes()) +
                "the lines that took most at the peak:\n" + peak_lines();
  }
  if (limits.growth && bytes() > limits.growth->bytes()) {
    problems += exceeded("growth", bytes(), limits.growth->bytes()) +
                "the lines that grew most:\n" + lines();
  }
  if (!problems.empty()) problems.pop_back();
  return problems;
}

std::ostream& operator<<(std::ostream& out, const growth& grown) {
  const std::string lines = grown.lines();
  const UntracedScope untraced;
  out << "memory growth " << size_text(grown.bytes(), true);
  if (!lines.empty()) out << "\nthe lines that grew most:\n" << lines;
  return out;
}

CeilingExceeded::~CeilingExceeded() = default;

ceiling::ceiling(GrowthLimits limits) : limits_(limits) {}

void ceiling::check() {
  if (is_checked_) return;
  is_checked_ = true;
  growth_.end();
  const UntracedScope untraced;
  const std::string problems = growth_.problems(limits_);
  if (!problems.empty()) throw CeilingExceeded(problems);
}

ceiling::~ceiling() noexcept(false) {
  if (std::uncaught_exceptions() == exceptions_) check();
}

}  // namespace memtrace
