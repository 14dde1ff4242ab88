// How long a program stands still for a snapshot, and how long that takes to be written. Run with
// the tracer preloaded.
//
//   tracer_snapshot TRACEBACKS BLOCKS-OF-EACH PATH
//
// Prints, in milliseconds and of the best of five (what else the machine does only adds): for how
// long another thread's allocations were held up; how long the snapshot took, and how much
// processor time.
#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kDepth = 16;
constexpr std::size_t kRounds = 5;

void* last = nullptr;

// Each bit of `path` is one of two calls: there are as many tracebacks as numbers.
__attribute__((noinline)) void allocate(std::uint32_t path, int depth) {
  if (depth == 0) {
    last = std::malloc(40);
  } else if ((path & 1) != 0) {
    allocate(path >> 1, depth - 1);
  } else {
    allocate(path >> 1, depth - 1);
    asm volatile("");
  }
  asm volatile("" : : "r"(last) : "memory");
}

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

double processor_time() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// The longest time that a pair of malloc and free took until `stop`.
double longest_pair(const std::atomic<bool>& stop) {
  Clock::duration longest{};
  for (auto before = Clock::now(); !stop;) {
    void* block = std::malloc(50);
    asm volatile("" : "+r"(block) : : "memory");
    std::free(block);
    const auto now = Clock::now();
    longest = std::max(longest, now - before);
    before = now;
  }
  return milliseconds(longest);
}

double best(const std::array<double, kRounds>& values) {
  return *std::min_element(values.begin(), values.end());
}

}  // namespace

int main(int count, char** arguments) {
  using TakeSnapshot = int (*)(const char*);
  const auto take = reinterpret_cast<TakeSnapshot>(dlsym(RTLD_DEFAULT, "mtrace_take_snapshot"));
  if (count != 4 || take == nullptr) return 2;
  const auto tracebacks = static_cast<std::uint32_t>(std::atoi(arguments[1]));
  const int blocks = std::atoi(arguments[2]);
  for (int block = 0; block < blocks; ++block) {
    for (std::uint32_t path = 0; path < tracebacks; ++path) allocate(path, kDepth);
  }
  std::array<double, kRounds> held{}, written{}, processor{};
  for (std::size_t round = 0; round < kRounds; ++round) {
    std::atomic<bool> stop{false};
    std::thread other([&] { held[round] = longest_pair(stop); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (take(arguments[3]) != 1) return 1;
    stop = true;
    other.join();
    const auto begin = Clock::now();
    const double processor_begin = processor_time();
    if (take(arguments[3]) != 1) return 1;
    written[round] = milliseconds(Clock::now() - begin);
    processor[round] = processor_time() - processor_begin;
  }
  struct stat status {};
  stat(arguments[3], &status);
  std::printf("%.2f %.1f %.1f %lld\n", best(held), best(written), best(processor),
              static_cast<long long>(status.st_size));
  return 0;
}
