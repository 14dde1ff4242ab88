// Allocates and frees like an allocation-heavy program: from 200 call sites, at depth 14, with a
// standing number of blocks, on any number of threads, some of which free what others allocated.
//
//   tracer_churn THREADS ROUNDS [CROSSING-PERCENT [LIVE-BLOCKS]]
//
// Prints the nanoseconds that a pair of malloc and free took on average.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t kSites = 200;
constexpr int kDepth = 14;
constexpr std::size_t kSmallest = 16, kLargest = 512;  // bytes

using Site = void* (*)(std::size_t size, int depth);

// Each instance is a call site of its own, and a call path: a chain of `depth` calls.
template <std::size_t Number>
__attribute__((noinline)) void* allocate_at(std::size_t size, int depth) {
  void* block = nullptr;
  if (depth > 0) {
    block = allocate_at<Number>(size, depth - 1);
  } else {
    block = std::malloc(size);
  }
  // Keeps the call from becoming a jump.
  asm volatile("" : "+r"(block));
  return block;
}

template <std::size_t... Numbers>
constexpr auto make_sites(std::index_sequence<Numbers...> /*numbers*/) {
  return std::array<Site, sizeof...(Numbers)>{&allocate_at<Numbers>...};
}
constexpr auto kAllSites = make_sites(std::make_index_sequence<kSites>());

struct Slots {
  explicit Slots(std::size_t count) : blocks(count) {}
  std::vector<std::atomic<void*>> blocks;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::uint32_t next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(state_ >> 33);
  }
  std::uint32_t below(std::size_t bound) {
    return static_cast<std::uint32_t>(next() % static_cast<std::uint32_t>(bound));
  }

 private:
  std::uint64_t state_;
};

void churn(std::size_t own, std::vector<std::unique_ptr<Slots>>& all, std::uint64_t rounds,
           std::uint32_t crossing_percent) {
  Random random(own + 1);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::size_t size = kSmallest + random.below(kLargest - kSmallest + 1);
    void* const block = kAllSites[random.below(kSites)](size, kDepth - 1);
    *static_cast<char*>(block) = 1;
    const bool crosses = random.below(100) < crossing_percent;
    Slots& slots = *all[crosses ? random.below(all.size()) : own];
    // What was there may be another thread's.
    std::free(slots.blocks[random.below(slots.blocks.size())].exchange(block));
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: tracer_churn THREADS ROUNDS [CROSSING-PERCENT [LIVE-BLOCKS]]\n");
    return 2;
  }
  const auto number = [&](int index, std::uint64_t otherwise) {
    return index < count ? std::strtoull(arguments[index], nullptr, 10) : otherwise;
  };
  const std::uint64_t threads = number(1, 1), rounds = number(2, 0);
  const auto crossing = static_cast<std::uint32_t>(number(3, 10));
  const std::uint64_t live = number(4, 100'000);
  std::vector<std::unique_ptr<Slots>> all;
  for (std::uint64_t thread = 0; thread < threads; ++thread) {
    all.push_back(std::make_unique<Slots>(live / threads));
  }
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> others;
  for (std::uint64_t thread = 1; thread < threads; ++thread) {
    others.emplace_back([&, thread] { churn(thread, all, rounds, crossing); });
  }
  churn(0, all, rounds, crossing);
  for (std::thread& other : others) other.join();
  const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - start;
  std::printf("%.1f\n", passed.count() / static_cast<double>(rounds));
  for (const auto& slots : all) {
    for (const auto& block : slots->blocks) std::free(block.load());
  }
  return 0;
}
