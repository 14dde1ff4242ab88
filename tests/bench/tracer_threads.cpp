// Threads that do little: what it costs that a thread begins and ends.
//
//   tracer_threads THREADS
#include <array>
#include <cstdlib>
#include <thread>

namespace {

void work() {
  std::array<void*, 8> blocks{};
  for (void*& block : blocks) {
    block = std::malloc(100);
    asm volatile("" : "+r"(block) : : "memory");
  }
  for (void* const block : blocks) std::free(block);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  constexpr int kTogether = 4;
  std::array<std::thread, kTogether> threads;
  for (int done = 0; done < std::atoi(arguments[1]); done += kTogether) {
    for (std::thread& thread : threads) thread = std::thread(work);
    for (std::thread& thread : threads) thread.join();
  }
  return 0;
}
