#include "cli/earlier_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace memtrace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".zst";
// More digits are somebody else's number.
constexpr std::size_t kMostDigits = 9;

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

// A file's name by a pattern's, piece by piece.
class NameMatch {
 public:
  explicit NameMatch(std::string_view pattern) : pattern_(pattern) {}

  // Whether the name may be one of the pattern's; its number, 0 where it has none.
  bool matches(std::string_view name) {
    number_ = 0;
    return matches_from(0, name);
  }
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  // NOLINTNEXTLINE(misc-no-recursion): a step for each of a few conversions.
  bool matches_from(std::size_t at, std::string_view rest) {
    for (; at < pattern_.size(); ++at) {
      const char next = at + 1 < pattern_.size() ? pattern_[at + 1] : '\0';
      if (pattern_[at] == '%' && next == 'e') return matches_program(at + 2, rest);
      if (pattern_[at] == '%' && next == 'n') {
        if (!take_number(rest)) return false;
        ++at;
        continue;
      }
      if (rest.empty() || rest.front() != pattern_[at]) return false;
      rest.remove_prefix(1);
      if (pattern_[at] == '%' && next == '%') ++at;
    }
    return rest.empty();
  }

  // Any program's: which one it will be is known when it runs.
  // NOLINTNEXTLINE(misc-no-recursion)
  bool matches_program(std::size_t at, std::string_view rest) {
    while (!rest.empty()) {
      rest.remove_prefix(1);
      if (matches_from(at, rest)) return true;
    }
    return false;
  }

  bool take_number(std::string_view& rest) {
    const auto digits = static_cast<std::size_t>(
        std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin());
    if (digits == 0 || digits > kMostDigits) return false;
    std::from_chars(rest.data(), rest.data() + digits, number_);
    rest.remove_prefix(digits);
    return true;
  }

  std::string_view pattern_;
  std::uint64_t number_ = 0;
};

bool contains(std::string_view pattern, char conversion) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] == '%' && pattern[++i] == conversion) return true;
  }
  return false;
}

std::string with_before_suffix(const std::string& path, std::string_view text) {
  const std::size_t end = path.size() - (path.ends_with(kSuffix) ? kSuffix.size() : 0);
  return fmt::format("{}{}{}", path.substr(0, end), text, path.substr(end));
}

}  // namespace

std::string earlier_path(const std::string& path, std::uint64_t number) {
  return with_before_suffix(path, fmt::format(".{}", number));
}

std::uint64_t number_of_last_snapshot(const std::string& pattern) {
  const fs::path path(pattern);
  const std::string name = path.filename(), folder = path.parent_path();
  if (contains(pattern, 'p') || folder.find('%') != std::string::npos) return 0;
  const std::string numbered = contains(name, 'n') ? name : with_before_suffix(name, ".%n");
  NameMatch plain(name), earlier(numbered);
  std::uint64_t last = 0;
  bool has_plain = false;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string there = entry->path().filename();
    std::error_code ignored;
    if (!earlier.matches(there)) {
      has_plain = has_plain || (plain.matches(there) && entry->is_regular_file(ignored));
    } else if (entry->is_regular_file(ignored)) {
      last = std::max(last, earlier.number());
    }
  }
  return last + (has_plain ? 1 : 0);
}

}  // namespace memtrace
