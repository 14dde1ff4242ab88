// All memory that the tracer has from the kernel, in one list: what it costs, and what has to be
// done to all of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace memtrace::runtime {

// Any thread, also inside a signal handler: no locks. Adding costs a look at a few places, removing
// one at half of all, which are hundreds, or a thousand for each 2 GiB of a heap of small blocks.
// Where there is no room, false.
bool add_own_mapping(std::uintptr_t begin, std::size_t size);
void remove_own_mapping(std::uintptr_t begin, std::size_t size);

// Bytes of address space.
std::size_t own_mapped_memory();
// Bytes of all of them that are backed by memory, with the library's own variables.
std::size_t own_resident_memory();
// Unlocks all of them, and those variables: the program's mlockall() is not meant for them.
void unlock_own_mappings();

// Which pages of the tracer's own memory were ever written: those in memory and those that the
// kernel has put elsewhere.
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
