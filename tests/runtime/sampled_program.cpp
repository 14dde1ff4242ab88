// Allocates the same at each run: small blocks and larger ones, kept, freed and moved, on two
// threads.
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

extern "C" {

[[gnu::noinline]] void keep_small(std::vector<void*>& blocks) {
  for (std::size_t i = 0; i < 20'000; ++i) blocks.push_back(std::malloc(16 + i * 7 % 90));
}

[[gnu::noinline]] void keep_large(std::vector<void*>& blocks) {
  for (std::size_t i = 0; i < 600; ++i) blocks.push_back(std::calloc(1, 1000 + i * 31 % 4000));
}

[[gnu::noinline]] void free_at_once() {
  for (std::size_t i = 0; i < 9'000; ++i) {
    void* block = std::malloc(i * 13 % 400);
    asm volatile("" : "+r"(block) : : "memory");
    std::free(block);
  }
}

[[gnu::noinline]] void grow(std::vector<void*>& blocks) {
  for (std::size_t i = 0; i < 1'000; ++i) {
    void* block = std::malloc(100);
    for (std::size_t size = 200; size <= 1'600; size *= 2) block = std::realloc(block, size);
    blocks.push_back(block);
  }
}
}

// Fails, and must not change what is sampled afterwards.
void ask_for_too_much() {
  const volatile std::size_t impossible = std::size_t{PTRDIFF_MAX} + 4096;
  void* const volatile block = std::malloc(impossible);
  std::free(block);
}

int main() {
  ask_for_too_much();
  std::vector<void*> first, second;
  std::thread other([&] {
    keep_small(second);
    free_at_once();
  });
  keep_large(first);
  grow(first);
  other.join();
  return 0;
}
