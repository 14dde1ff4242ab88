// Calls functions of its own where they lie a second time: mapped again from the file, as V8 does
// with its built-in functions, moved elsewhere, and copied onto other pages at the same place, as
// programs do that want large ones.
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr std::size_t kPage = 4096;

using Allocate = void* (*)(std::size_t);

// Alone on pages of their own, and without an address in them: they may lie anywhere.
#define ALONE(section_name) [[gnu::noinline, gnu::section(section_name), gnu::aligned(4096)]]

ALONE(".text.mapped_again") void* allocate_mapped_again(Allocate allocate, std::size_t size) {
  void* const block = allocate(size);
  asm volatile("" ::: "memory");
  return block;
}
ALONE(".text.moved") void* allocate_moved(Allocate allocate, std::size_t size) {
  void* const block = allocate(size);
  asm volatile("" ::: "memory");
  return block;
}
ALONE(".text.copied") void* allocate_copied(Allocate allocate, std::size_t size) {
  void* const block = allocate(size);
  asm volatile("" ::: "memory");
  return block;
}
ALONE(".text.behind") void end_of_copied() {
  asm volatile("");
}

void expect(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::exit(1);
}

// Where the function's page is in the file.
std::uint64_t file_offset_of(std::uintptr_t address) {
  const auto* const headers = reinterpret_cast<const ElfW(Phdr)*>(getauxval(AT_PHDR));
  const std::size_t count = getauxval(AT_PHNUM);
  std::uintptr_t bias = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (headers[i].p_type == PT_PHDR)
      bias = reinterpret_cast<std::uintptr_t>(headers) - headers[i].p_vaddr;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const ElfW(Phdr)& header = headers[i];
    const std::uintptr_t begin = bias + header.p_vaddr;
    if (header.p_type == PT_LOAD && address >= begin && address < begin + header.p_filesz) {
      return header.p_offset + (address - begin);
    }
  }
  return 0;
}

[[gnu::noinline]] void call_mapped_again(std::size_t size) {
  const auto function = reinterpret_cast<std::uintptr_t>(&allocate_mapped_again);
  const std::uint64_t offset = file_offset_of(function);
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  // Over a reservation, with a page in front of it.
  auto* const room = static_cast<std::uint8_t*>(
      mmap(nullptr, 8 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  void* const again = mmap(room + kPage, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
                           file, static_cast<off_t>(offset & ~(kPage - 1)));
  expect(file >= 0 && again != MAP_FAILED, "map again");
  close(file);
  const auto copy =
      reinterpret_cast<decltype(&allocate_mapped_again)>(room + kPage + offset % kPage);
  for (int block = 0; block < 10; ++block) copy(std::malloc, size);
  asm volatile("");
}

[[gnu::noinline]] void call_moved(std::size_t size) {
  const auto page = reinterpret_cast<std::uintptr_t>(&allocate_moved);
  void* const moved =
      mremap(reinterpret_cast<void*>(page), kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED,
             mmap(nullptr, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  expect(moved != MAP_FAILED, "move");
  reinterpret_cast<decltype(&allocate_moved)>(moved)(std::malloc, size);
  asm volatile("");
}

[[gnu::noinline]] void call_copied(std::size_t size) {
  void* const page = reinterpret_cast<void*>(&allocate_copied);
  void* const copy =
      mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memcpy(copy, page, kPage);
  expect(mprotect(copy, kPage, PROT_READ | PROT_EXEC) == 0, "protect");
  expect(mremap(copy, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, page) == page, "move over");
  allocate_copied(std::malloc, size);
  asm volatile("");
}

}  // namespace

int main() {
  call_mapped_again(100);
  call_moved(2000);
  call_copied(30);
  end_of_copied();
  std::puts("done");
}
