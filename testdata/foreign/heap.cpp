// What testdata/make_foreign_profiles.sh has every profiler look at: some blocks that stay, a burst
// that makes the peak and is freed again, and many small ones that come and go.
#include <cstdlib>
#include <cstring>

namespace {

char* kept[40];
char* volatile last;  // what is assigned to it is not optimized away

__attribute__((noinline)) char* filled(std::size_t size) {
  char* const block = static_cast<char*>(std::malloc(size));
  if (block != nullptr) std::memset(block, 1, size);
  return block;
}

inline char* doubled(std::size_t size) {
  return filled(2 * size);
}

__attribute__((noinline)) void keep() {
  for (std::size_t i = 0; i < 20; ++i) kept[i] = filled(1000 + i);
  for (std::size_t i = 20; i < 40; ++i) kept[i] = doubled(10 * i);
}

__attribute__((noinline)) void burst() {
  char* blocks[50];
  for (char*& block : blocks) block = doubled(4000);
  for (char* const block : blocks) std::free(block);
}

__attribute__((noinline)) void churn(int rounds) {
  char* const block = new char[static_cast<std::size_t>(100 * rounds)];
  last = block;
  if (rounds > 1) churn(rounds - 1);
  delete[] block;
}

}  // namespace

int main() {
  keep();
  burst();
  for (int i = 0; i < 10; ++i) churn(4);
  std::free(kept[0]);
  return kept[1] == kept[2] ? 1 : 0;
}
