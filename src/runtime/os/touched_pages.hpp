// Which pages of the tracer's own memory were ever written: those in memory and those that the
// kernel has put elsewhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace memtrace::runtime {

class TouchedPages {
 public:
  static constexpr std::size_t kPage = 4096;

  TouchedPages();
  ~TouchedPages();
  TouchedPages(const TouchedPages&) = delete;
  TouchedPages& operator=(const TouchedPages&) = delete;

  // The first address in [from, end) whose page was touched, at most the rest of a page behind
  // `from`; `end` where there is none. Where the kernel does not tell, all were.
  std::uintptr_t next(std::uintptr_t from, std::uintptr_t end);

 private:
  bool read(std::uintptr_t page);
  [[nodiscard]] bool is_touched(std::uintptr_t page) const;

  int file_;
  std::uintptr_t first_page_ = 0;
  std::size_t count_ = 0;
  std::array<std::uint64_t, 512> pages_;  // NOLINT: the kernel fills it
};

}  // namespace memtrace::runtime
