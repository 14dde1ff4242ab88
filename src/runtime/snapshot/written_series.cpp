#include "runtime/snapshot/written_series.hpp"

#include <fcntl.h>

#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::string_view kSuffix = ".zst";

// Puts ".NUMBER" before the suffix, or at the end where there is none.
void insert_number(PathBuffer& path, std::uint64_t number) {
  const bool has_suffix = path.text().ends_with(kSuffix);
  if (has_suffix) path.shorten(path.text().size() - kSuffix.size());
  path << '.' << number << (has_suffix ? kSuffix : std::string_view());
}

// Names sort in the order of their numbers, up to 9999.
void append_padded(PathBuffer& path, std::uint64_t number) {
  for (std::uint64_t least = 1000; least > 1 && number < least; least /= 10) path << '0';
  path << number;
}

}  // namespace

bool SnapshotName::contains(char conversion) const {
  for (std::size_t i = 0; i + 1 < pattern_.size(); ++i) {
    if (pattern_[i] != '%') continue;
    if (pattern_[++i] == conversion) return true;
  }
  return false;
}

void SnapshotName::expand(PathBuffer& path, std::uint64_t number) const {
  path.clear();
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    const char next = i + 1 < pattern_.size() ? pattern_[i + 1] : '\0';
    if (pattern_[i] != '%') {
      path << pattern_[i];
      continue;
    }
    ++i;
    switch (next) {
      case 'e':
        path << program_;
        break;
      case 'p':
        path << static_cast<std::uint64_t>(process_);
        break;
      case 'n':
        append_padded(path, number);
        break;
      case '%':
        path << '%';
        break;
      default:  // means nothing
        path << '%';
        --i;
    }
  }
  // Processes must not replace each other's.
  if (!is_first_ && !contains('p')) insert_number(path, static_cast<std::uint64_t>(process_));
}

void SnapshotName::write(PathBuffer& path, std::uint64_t number) const {
  expand(path, number);
}

void SnapshotName::write_earlier(PathBuffer& path, std::uint64_t number) const {
  expand(path, number);
  if (!is_numbered()) insert_number(path, number);
}

bool WrittenSeries::publish(WholeFile& file, std::uint64_t number, PathBuffer& path) const {
  name_.write(path, number);
  if (number > 1 && !name_.is_numbered() && !file.is_direct()) keep_earlier(path, number - 1);
  if (!file.publish(path.c_str())) return false;
  if (keep_ > 0 && number > keep_ && !file.is_direct()) remove_oldest(number - keep_);
  return true;
}

// A second name, so that the first one is never without a snapshot; or another one where the file
// system has no links.
void WrittenSeries::keep_earlier(const PathBuffer& newest, std::uint64_t number) const {
  if (keep_ == 1) return;
  PathBuffer earlier;
  name_.write_earlier(earlier, number);
  system_call(SYS_unlinkat, AT_FDCWD, earlier.c_str(), 0);  // of a process before this one
  const long linked =
      system_call(SYS_linkat, AT_FDCWD, newest.c_str(), AT_FDCWD, earlier.c_str(), 0);
  if (is_error(linked)) {
    system_call(SYS_renameat, AT_FDCWD, newest.c_str(), AT_FDCWD, earlier.c_str());
  }
}

void WrittenSeries::remove_oldest(std::uint64_t number) const {
  PathBuffer path;
  name_.write_earlier(path, number);
  system_call(SYS_unlinkat, AT_FDCWD, path.c_str(), 0);
}

}  // namespace memtrace::runtime
