#include "runtime/os/touched_pages.hpp"

#include <fcntl.h>

#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

TouchedPages::TouchedPages()
    : file_(static_cast<int>(
          system_call(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC))) {}

TouchedPages::~TouchedPages() {
  if (file_ >= 0) system_call(SYS_close, file_);
}

std::uintptr_t TouchedPages::next(std::uintptr_t from, std::uintptr_t end) {
  for (std::uintptr_t address = from; address < end; address = (address / kPage + 1) * kPage) {
    const std::uintptr_t page = address / kPage;
    const bool is_read = page - first_page_ < count_ || read(page);
    if (!is_read || is_touched(page)) return address;
  }
  return end;
}

bool TouchedPages::read(std::uintptr_t page) {
  if (file_ < 0) return false;
  const long size = system_call(SYS_pread64, file_, pages_.data(), sizeof pages_,
                                static_cast<long>(page * sizeof(std::uint64_t)));
  first_page_ = page;
  count_ = size > 0 ? static_cast<std::size_t>(size) / sizeof(std::uint64_t) : 0;
  return count_ > 0;
}

bool TouchedPages::is_touched(std::uintptr_t page) const {
  constexpr std::uint64_t kPresentOrSwapped = std::uint64_t{3} << 62;
  return (pages_[page - first_page_] & kPresentOrSwapped) != 0;
}

}  // namespace memtrace::runtime
