#include "runtime/os/own_mappings.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <atomic>

#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"

// Where the library's variables begin and end, as linkers have always said it.
extern "C" {
[[gnu::visibility("hidden")]] extern char __bss_start[];  // NOLINT: the linker's name
[[gnu::visibility("hidden")]] extern char _end[];         // NOLINT: the linker's name
}

namespace memtrace::runtime {
namespace {

constexpr std::uintptr_t kFree = 0;
constexpr std::uintptr_t kTaken = 1;
constexpr std::size_t kPage = 4096;

struct OwnMapping {
  std::atomic<std::uintptr_t> begin;  // or one of the above
  std::atomic<std::size_t> size;
};

struct Page {
  static constexpr std::size_t kRoom = 1023;
  std::atomic<Page*> next;
  std::atomic<std::size_t> first_free;  // about where a free place is
  std::array<OwnMapping, kRoom> places;
};

// The library's own variables, in whole pages.
struct Range {
  std::uintptr_t begin = 0;
  std::size_t size = 0;
};
Range own_variables() {
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(__bss_start) & ~(kPage - 1);
  return {begin, reinterpret_cast<std::uintptr_t>(_end) - begin};
}

constinit Page first_page{};
constinit std::atomic<std::size_t> mapped{0};

bool put(Page& page, std::uintptr_t begin, std::size_t size) {
  for (std::size_t i = page.first_free.load(std::memory_order_relaxed); i < Page::kRoom; ++i) {
    OwnMapping& place = page.places[i];
    std::uintptr_t free = kFree;
    if (place.begin.load(std::memory_order_relaxed) != kFree ||
        !place.begin.compare_exchange_strong(free, kTaken, std::memory_order_relaxed)) {
      continue;
    }
    place.size.store(size, std::memory_order_relaxed);
    place.begin.store(begin, std::memory_order_release);
    page.first_free.store(i + 1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

bool take(Page& page, std::uintptr_t begin) {
  for (std::size_t i = 0; i < Page::kRoom; ++i) {
    OwnMapping& place = page.places[i];
    if (place.begin.load(std::memory_order_relaxed) != begin) continue;
    place.begin.store(kFree, std::memory_order_release);
    if (i < page.first_free.load(std::memory_order_relaxed)) {
      page.first_free.store(i, std::memory_order_relaxed);
    }
    return true;
  }
  return false;
}

// The list's own pages are not on it: a few for each thousand mappings.
Page* add_page(Page& last) {
  const long made = system_call(SYS_mmap, nullptr, sizeof(Page), PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (is_error(made)) return nullptr;
  auto* const page = reinterpret_cast<Page*>(made);
  Page* present = nullptr;
  if (last.next.compare_exchange_strong(present, page, std::memory_order_acq_rel)) return page;
  system_call(SYS_munmap, made, sizeof(Page));
  return present;
}

template <class Visit>
void for_each_mapping(Visit&& visit) {
  for (Page* page = &first_page; page != nullptr;
       page = page->next.load(std::memory_order_acquire)) {
    for (const OwnMapping& place : page->places) {
      const std::uintptr_t begin = place.begin.load(std::memory_order_acquire);
      if (begin > kTaken) visit(begin, place.size.load(std::memory_order_relaxed));
    }
  }
}

}  // namespace

bool add_own_mapping(std::uintptr_t begin, std::size_t size) {
  Page* page = &first_page;
  while (!put(*page, begin, size)) {
    Page* const next = page->next.load(std::memory_order_acquire);
    page = next != nullptr ? next : add_page(*page);
    if (page == nullptr) return false;
  }
  mapped.fetch_add(size, std::memory_order_relaxed);
  return true;
}

void remove_own_mapping(std::uintptr_t begin, std::size_t size) {
  Page* page = &first_page;
  while (page != nullptr && !take(*page, begin)) page = page->next.load(std::memory_order_acquire);
  if (page != nullptr) mapped.fetch_sub(size, std::memory_order_relaxed);
}

std::size_t own_mapped_memory() {
  return mapped.load(std::memory_order_relaxed);
}

std::size_t own_resident_memory() {
  const Range variables = own_variables();
  std::size_t resident =
      resident_memory(reinterpret_cast<const void*>(variables.begin), variables.size);
  for_each_mapping([&](std::uintptr_t begin, std::size_t size) {
    resident += resident_memory(reinterpret_cast<const void*>(begin), size);
  });
  return resident;
}

void unlock_own_mappings() {
  const Range variables = own_variables();
  system_call(SYS_munlock, variables.begin, variables.size);
  for_each_mapping(
      [](std::uintptr_t begin, std::size_t size) { system_call(SYS_munlock, begin, size); });
}

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
