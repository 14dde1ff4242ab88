#include "runtime/snapshot/series.hpp"

#include <fcntl.h>

#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

bool Series::publish(WholeFile& file, std::uint64_t number, PathBuffer& path) const {
  name_.write(path, number);
  if (number > 1 && !name_.is_numbered() && !file.is_direct()) keep_earlier(path, number - 1);
  if (!file.publish(path.c_str())) return false;
  if (keep_ > 0 && number > keep_ && !file.is_direct()) remove_oldest(number - keep_);
  return true;
}

// A second name, so that the first one is never without a snapshot; or another one where the file
// system has no links.
void Series::keep_earlier(const PathBuffer& newest, std::uint64_t number) const {
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

void Series::remove_oldest(std::uint64_t number) const {
  PathBuffer path;
  name_.write_earlier(path, number);
  system_call(SYS_unlinkat, AT_FDCWD, path.c_str(), 0);
}

}  // namespace memtrace::runtime
