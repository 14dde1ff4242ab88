// What programs do with anonymous mappings. Each function leaves some behind; mappings.py knows how
// much of it can be touched.
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

constexpr std::size_t kPage = 4096;
constexpr int kBoth = PROT_READ | PROT_WRITE;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

// In each function, so that the call's line is its own.
#define MAP(pages, protection) \
  static_cast<std::uint8_t*>(mmap(nullptr, (pages)*kPage, protection, kPrivate, -1, 0))

void expect(bool condition, const char* what) {
  if (condition) return;
  std::printf("%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

// --- reservations ---

[[gnu::noinline]] void reserve_only() {
  expect(MAP(1 << 28, PROT_NONE) != MAP_FAILED, "a tebibyte");  // 1 TiB
}

[[gnu::noinline]] std::uint8_t* reserve() {
  return MAP(100, PROT_NONE);
}
// 3 pages in front, 2 in the middle, 1 at the end.
[[gnu::noinline]] void commit_some_of(std::uint8_t* pages) {
  expect(mprotect(pages, 3 * kPage, kBoth) == 0, "commit");
  expect(mprotect(pages + 50 * kPage, 2 * kPage, PROT_READ) == 0, "commit");
  expect(mprotect(pages + 99 * kPage, kPage, PROT_EXEC) == 0, "commit");
}
// One run of 10 pages, one after the other.
[[gnu::noinline]] void commit_page_by_page(std::uint8_t* pages) {
  for (int page = 10; page < 20; ++page)
    expect(mprotect(pages + page * kPage, 1, kBoth) == 0, "commit");
}
// What can be touched already stays whose it was: 1 page, not 4.
[[gnu::noinline]] void commit_again(std::uint8_t* pages) {
  expect(mprotect(pages, 4 * kPage, kBoth) == 0, "commit again");
  expect(mprotect(pages, 4 * kPage, PROT_READ | PROT_EXEC) == 0, "as just-in-time compilers do");
  expect(mprotect(pages, 4 * kPage, kBoth) == 0, "and back");
}
// 8 pages, the 2 in the middle are a guard: 2 pieces.
[[gnu::noinline]] void guard_in_the_middle() {
  std::uint8_t* const pages = MAP(8, kBoth);
  expect(mprotect(pages + 3 * kPage, 2 * kPage, PROT_NONE) == 0, "guard");
}
[[gnu::noinline]] void no_access_any_more() {
  expect(mprotect(MAP(5, kBoth), 5 * kPage, PROT_NONE) == 0, "decommit");
}

// --- what is given back ---

// 10 pages, of which 4 and 3 are given back: 3 stay.
[[gnu::noinline]] void give_back() {
  std::uint8_t* const pages = MAP(10, kBoth);
  std::memset(pages, 1, 10 * kPage);
  expect(madvise(pages, 4 * kPage, MADV_DONTNEED) == 0, "MADV_DONTNEED");
  expect(madvise(pages + 7 * kPage, 3 * kPage, MADV_FREE) == 0, "MADV_FREE");
}
// A size that is no whole page, advice that gives nothing back, and advice that fails.
[[gnu::noinline]] void keep_in_spite_of_advice() {
  std::uint8_t* const pages = MAP(10, kBoth);
  expect(madvise(pages, 10 * kPage, MADV_WILLNEED) == 0 &&
             madvise(pages, 10 * kPage, MADV_SEQUENTIAL) == 0,
         "advice");
  expect(madvise(pages + 1, 5 * kPage, MADV_DONTNEED) != 0, "not aligned");
  expect(madvise(pages, kPage + 1, MADV_DONTNEED) == 0, "2 pages");
}
// Shared memory stays, whoever does not need it here.
[[gnu::noinline]] void share() {
  void* const pages = mmap(nullptr, 6 * kPage, kBoth, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  expect(madvise(pages, 6 * kPage, MADV_DONTNEED) == 0, "shared");
  expect(madvise(pages, 2 * kPage, MADV_REMOVE) == 0, "removed");
}

// --- unmapping ---

// 20 pages without 1 in front, 2 behind, 3 and 4 in the middle: 10 in 3 pieces.
[[gnu::noinline]] void unmap_parts() {
  std::uint8_t* const pages = MAP(20, kBoth);
  expect(munmap(pages, kPage) == 0, "front");
  expect(munmap(pages + 18 * kPage, 2 * kPage) == 0, "back");
  expect(munmap(pages + 4 * kPage, 3 * kPage) == 0, "middle");
  expect(munmap(pages + 10 * kPage, 3 * kPage + 5) == 0, "middle");
}
[[gnu::noinline]] void unmap_in_vain() {
  std::uint8_t* const pages = MAP(7, kBoth);
  expect(munmap(pages + 1, 7 * kPage) != 0 && munmap(pages, 0) != 0 && munmap(pages, SIZE_MAX) != 0,
         "cannot fail");
  std::memset(pages, 1, 7 * kPage);
}
// One munmap() over three mappings, of which one is reserved: the ends of the outer two stay.
[[gnu::noinline]] void unmap_across() {
  std::uint8_t* const pages = MAP(12, PROT_NONE);
  expect(mmap(pages, 4 * kPage, kBoth, kPrivate | MAP_FIXED, -1, 0) == pages, "fixed");
  expect(mmap(pages + 8 * kPage, 4 * kPage, kBoth, kPrivate | MAP_FIXED, -1, 0) != MAP_FAILED,
         "fixed");
  expect(munmap(pages + 3 * kPage, 6 * kPage) == 0, "across");
}

// --- replacing ---

// Of 9 pages 3 become a reservation, 3 shared memory of System V.
[[gnu::noinline]] void replace() {
  std::uint8_t* const pages = MAP(9, kBoth);
  expect(mmap(pages, 3 * kPage, PROT_NONE, kPrivate | MAP_FIXED, -1, 0) == pages, "reserve over");
  const int segment = shmget(IPC_PRIVATE, 3 * kPage, IPC_CREAT | 0600);
  expect(segment >= 0 && shmat(segment, pages + 6 * kPage, SHM_REMAP) == pages + 6 * kPage,
         "shmat");
  shmctl(segment, IPC_RMID, nullptr);
}

// --- moving ---

[[gnu::noinline]] std::uint8_t* map_to_move(std::size_t pages) {
  return MAP(pages, kBoth);
}
// 2 of 6 pages are reserved: 4, in 2 pieces, are the mover's.
[[gnu::noinline]] void move_with_a_hole(std::uint8_t* pages) {
  expect(mprotect(pages + 2 * kPage, 2 * kPage, PROT_NONE) == 0, "hole");
  std::uint8_t* const place = MAP(10, PROT_NONE);
  // The kernel moves one of its mappings at a time.
  for (int part = 0; part < 6; part += 2) {
    expect(mremap(pages + part * kPage, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED,
                  place + part * kPage) == place + part * kPage,
           "move");
  }
}
[[gnu::noinline]] void grow_and_shrink(std::uint8_t* pages) {
  void* const grown = mremap(pages, 4 * kPage, 40 * kPage, MREMAP_MAYMOVE);
  expect(grown != MAP_FAILED && mremap(grown, 40 * kPage, 11 * kPage, 0) == grown, "grow");
}
[[gnu::noinline]] void move_in_vain(std::uint8_t* pages) {
  expect(mremap(pages, 5 * kPage, std::size_t{1} << 50, MREMAP_MAYMOVE) == MAP_FAILED,
         "cannot grow so much");
  expect(mremap(pages + 1, kPage, kPage, 0) == MAP_FAILED, "not aligned");
}
// The old place stays, empty.
[[gnu::noinline]] void move_away(std::uint8_t* pages) {
  constexpr int kDontUnmap = 4;
  expect(mremap(pages, 3 * kPage, 3 * kPage, MREMAP_MAYMOVE | kDontUnmap, nullptr) != MAP_FAILED,
         "move away");
}

// --- many threads, in which nothing is left ---

[[gnu::noinline]] void map_and_unmap() {
  for (int round = 0; round < 2000; ++round) {
    std::uint8_t* const pages = MAP(4, round % 2 == 0 ? kBoth : PROT_NONE);
    if (round % 2 == 1) mprotect(pages, 2 * kPage, kBoth);
    munmap(pages, 4 * kPage);
  }
}

}  // namespace

int main() {
  reserve_only();
  commit_some_of(reserve());
  commit_page_by_page(reserve());
  std::uint8_t* const jit = reserve();
  expect(mprotect(jit, 3 * kPage, kBoth) == 0, "main's own");
  commit_again(jit);
  guard_in_the_middle();
  no_access_any_more();
  give_back();
  keep_in_spite_of_advice();
  share();
  unmap_parts();
  unmap_in_vain();
  unmap_across();
  replace();
  move_with_a_hole(map_to_move(6));
  grow_and_shrink(map_to_move(4));
  move_in_vain(map_to_move(5));
  move_away(map_to_move(3));
  std::thread others[4];
  for (std::thread& other : others) other = std::thread(map_and_unmap);
  for (std::thread& other : others) other.join();
  std::puts("done");
}
