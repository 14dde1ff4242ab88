#include "runtime/control/start_options.hpp"

#include <fcntl.h>
#include <linux/limits.h>

#include <algorithm>
#include <csignal>

#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

std::string_view without_folder(std::string_view path) {
  for (std::size_t at = path.size(); at > 0; --at) {
    if (path[at - 1] == '/') return {path.data() + at, path.size() - at};
  }
  return path;
}

// Behind the set that begins at `at`, which `character` is in or not; 0 where it is not closed.
std::size_t match_set(std::string_view glob, std::size_t at, char character, bool& matches) {
  const bool is_negated = at < glob.size() && glob[at] == '!';
  if (is_negated) ++at;
  bool found = false;
  for (bool first = true; at < glob.size() && (first || glob[at] != ']'); first = false) {
    const bool is_range = at + 2 < glob.size() && glob[at + 1] == '-' && glob[at + 2] != ']';
    const char last = is_range ? glob[at + 2] : glob[at];
    found = found || (glob[at] <= character && character <= last);
    at += is_range ? 3 : 1;
  }
  matches = found != is_negated;
  return at < glob.size() ? at + 1 : 0;
}

// Behind the piece of the glob that begins at `at`, where that matches the character; else 0.
std::size_t match_one(std::string_view glob, std::size_t at, char character) {
  if (glob[at] == '?') return at + 1;
  if (glob[at] == '[') {
    bool matches = false;
    const std::size_t end = match_set(glob, at + 1, character, matches);
    if (end != 0) return matches ? end : 0;
  }
  return glob[at] == character ? at + 1 : 0;
}

// When a piece fails, the last star takes one more character: an earlier one cannot do better.
bool matches(std::string_view glob, std::string_view text) {
  constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t at = 0, text_at = 0, star = kNone, text_at_star = 0;
  while (true) {
    if (at < glob.size() && glob[at] == '*') {
      star = ++at;
      text_at_star = text_at;
      continue;
    }
    if (at == glob.size() && text_at == text.size()) return true;
    const bool both = at < glob.size() && text_at < text.size();
    const std::size_t next = both ? match_one(glob, at, text[text_at]) : 0;
    if (next != 0) {
      at = next;
      ++text_at;
      continue;
    }
    if (star == kNone || text_at_star == text.size()) return false;
    text_at = ++text_at_star;
    at = star;
  }
}

}  // namespace

bool ProgramChoice::add(std::string_view glob) {
  if (count_ == kMost || glob.empty()) return false;
  globs_[count_++] = glob;
  return true;
}

bool ProgramChoice::includes(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (matches(globs_[i], name)) return true;
  }
  return count_ == 0;
}

bool ProgramChoice::includes_this() const {
  if (includes(program_name())) return true;
  char path[PATH_MAX];
  const long size = system_call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof(path));
  return !is_error(size) && includes(without_folder({path, static_cast<std::size_t>(size)}));
}

namespace {

// The text up to `separator`, which `text` loses along with it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view taken(text.data(), end == std::string_view::npos ? text.size() : end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return taken;
}

}  // namespace

bool parse_number(std::string_view text, std::uint64_t& number) {
  constexpr std::size_t kMostDigits = 18;  // of which none overflows
  if (text.empty() || text.size() > kMostDigits) return false;
  number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return false;
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return true;
}

namespace {

constexpr std::int64_t kDay = 24 * 60 * 60 * kSecond;

// 0 where it is no unit.
std::int64_t unit_of(std::string_view text) {
  if (text == "ms") return kMillisecond;
  if (text.empty() || text == "s") return kSecond;
  if (text == "m") return 60 * kSecond;
  if (text == "h") return 60 * 60 * kSecond;
  return text == "d" ? kDay : 0;
}

// "90", "1.5s", "10m". What is longer than the tracer can count is as good as never, and an error.
bool parse_duration(std::string_view text, std::int64_t& duration) {
  constexpr std::int64_t kLongest = 100 * 365 * kDay;
  std::size_t digits = 0;
  std::int64_t whole = 0, part = 0, scale = 1;
  bool is_part = false;
  for (; digits < text.size(); ++digits) {
    const char character = text[digits];
    if (character == '.' && !is_part) {
      is_part = true;
    } else if (character < '0' || character > '9') {
      break;
    } else if (!is_part) {
      if (whole > kLongest / kSecond) return false;
      whole = whole * 10 + (character - '0');
    } else if (scale < kSecond) {
      part = part * 10 + (character - '0');
      scale *= 10;
    }
  }
  const std::int64_t unit = unit_of({text.data() + digits, text.size() - digits});
  if (digits == 0 || unit == 0 || whole > kLongest / unit) return false;
  duration = whole * unit + part * (unit / kMillisecond) / scale * kMillisecond +
             (unit == kMillisecond ? part * kMillisecond / scale : 0);
  return duration > 0;
}

// 0 where it is no unit. A letter alone is a power of 1024, as everywhere in mtrace.
std::uint64_t unit_of_size(std::string_view text) {
  constexpr std::uint64_t kKilo = 1000, kKibi = 1024;
  if (text.empty() || text == "B") return 1;
  const std::string_view rest(text.data() + 1, text.size() - 1);
  const bool is_binary = rest.empty() || rest == "iB";
  if (!is_binary && rest != "B") return 0;
  const std::uint64_t step = is_binary ? kKibi : kKilo;
  if (text[0] == 'K' || text[0] == 'k') return step;
  if (text[0] == 'M') return step * step;
  return text[0] == 'G' ? step * step * step : 0;
}

// "524288", "512KiB", "1M".
bool parse_size(std::string_view text, std::uint64_t& size) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 62;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const std::uint64_t unit = unit_of_size({text.data() + digits, text.size() - digits});
  std::uint64_t number = 0;
  if (unit == 0 || !parse_number({text.data(), digits}, number)) return false;
  if (number > kLargest / unit) return false;
  size = number * unit;
  return true;
}

bool parse_frames(std::string_view text, Settings& settings) {
  std::uint64_t frames = 0;
  if (!parse_number(text, frames) || frames == 0 || frames > kMostFrames) return false;
  settings.frames = static_cast<std::uint32_t>(frames);
  return true;
}

bool parse_run(std::string_view text, StartOptions& options) {
  options.by_run = true;
  return parse_number(take_until(text, '/'), options.first_process) &&
         parse_number(text, options.snapshots_so_far);
}

bool parse_option(std::string_view name, std::string_view value, StartOptions& options) {
  if (name == "interval") return parse_duration(value, options.interval);
  if (name == "keep") return parse_number(value, options.keep);
  if (name == "signal") return parse_number(value, options.signal) && options.signal < NSIG;
  if (name == "sample") return parse_size(value, options.settings.sampling_rate);
  if (name == "only") return options.only.add(value);
  if (name == "label") return options.labels.set(value);
  if (name == "run") return parse_run(value, options);
  if (name == "report") {
    options.report = value;
  } else if (name == "exit") {
    options.at_exit = value != "no";
  } else if (name == "follow-fork") {
    options.follow_fork = true;
  } else if (name == "mmap") {
    options.settings.mmap = true;
  } else if (name == "native") {
    options.settings.native = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool parse_start_options(std::string_view value, StartOptions& options) {
  constexpr std::string_view kOutput = "output=";
  for (bool first = true; !value.empty(); first = false) {
    if (value.starts_with(kOutput)) {
      options.wrong = value;
      value.remove_prefix(kOutput.size());
      options.output = value;
      return !value.empty();
    }
    std::string_view rest = take_until(value, ',');
    options.wrong = rest;
    if (first && !rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
      if (!parse_frames(rest, options.settings)) return false;
      continue;
    }
    const std::string_view name = take_until(rest, '=');
    if (!parse_option(name, rest, options)) return false;
  }
  return true;
}

StartValue start_value_for(std::string_view value, std::uint64_t first_process,
                           std::uint64_t snapshots_so_far) {
  constexpr std::string_view kRun = ",run=";
  const std::size_t begin = std::min(value.find(kRun), value.size());
  const std::size_t end = std::min(value.find(',', begin + 1), value.size());
  return {.before = {value.data(), begin},
          .after = {value.data() + end, value.size() - end},
          .first_process = first_process,
          .snapshots_so_far = snapshots_so_far};
}

}  // namespace memtrace::runtime
