// The tracer beside a naive model of it: an ordinary map under a lock.
#include <doctest/doctest.h>

#include <array>
#include <barrier>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "mtrace/mtrace.h"
#include "runtime/naive_model.hpp"
#include "runtime/traced_calls.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/snapshot_copy.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::uint32_t kFirstArena = 100;

// Blocks that any thread may take over.
class Exchange {
 public:
  static constexpr std::size_t kPlaces = 64;

  void* swap(void* pointer, std::size_t place) {
    return places_[place % places_.size()].exchange(pointer);
  }

 private:
  std::array<std::atomic<void*>, kPlaces> places_{};
};

class Worker {
 public:
  Worker(Model& model, Exchange& exchange, unsigned seed)
      : model_(model), exchange_(exchange), random_(seed) {}

  void run(int operations) {
    for (int operation = 0; operation < operations; ++operation) step();
  }
  void release_all() {
    for (void* const pointer : own_) release(pointer, 0);
    own_.clear();
    for (std::size_t slot = 0; slot < kSlots; ++slot) untrack(slot);
  }
  void release_exchanged() {
    for (std::size_t place = 0; place < Exchange::kPlaces; ++place) {
      release(exchange_.swap(nullptr, place), 0);
    }
  }

 private:
  static constexpr std::size_t kSlots = 40;

  void release(void* pointer, unsigned how) {
    if (pointer == nullptr) return;
    model_.remove(0, reinterpret_cast<std::uintptr_t>(pointer));
    if (how % 8 == 7) {
      trace_nested_release(pointer);
    } else {
      trace_release(pointer);
    }
    std::free(pointer);
  }
  void step() {
    const auto dice = static_cast<unsigned>(random_());
    switch (dice % 10) {
      case 0:
      case 1:
      case 2:
      case 3:
        return allocate();
      case 4:
      case 5:
        return release(take(), dice >> 8);
      case 6:
        return move();
      case 7:
        return own_.empty() ? void() : trace_failed_move(own_.back());
      case 8:
        return cross();
      default:
        return dice >> 8 & 1 ? track((dice >> 9) % kSlots) : untrack((dice >> 9) % kSlots);
    }
  }
  std::size_t some_size() {
    const auto dice = static_cast<unsigned>(random_());
    return dice % 4 == 0 ? dice / 4 % 20 : dice / 4 % 2500;
  }
  void* take() {
    if (own_.empty()) return nullptr;
    std::swap(own_[random_() % own_.size()], own_.back());
    void* const pointer = own_.back();
    own_.pop_back();
    return pointer;
  }
  void allocate() {
    const std::size_t site = random_() % kCalls.size(), size = some_size();
    void* const pointer = kCalls[site](nullptr, size);
    model_.add(0, reinterpret_cast<std::uintptr_t>(pointer),
               {site * 2, static_cast<std::int64_t>(size)});
    own_.push_back(pointer);
  }
  void move() {
    void* const pointer = take();
    if (pointer == nullptr) return;
    const std::size_t site = random_() % kCalls.size(), size = some_size() + 1;
    const ModelBlock old = model_.begin_move(reinterpret_cast<std::uintptr_t>(pointer));
    void* const moved = kCalls[site](pointer, size);
    model_.end_move(old, reinterpret_cast<std::uintptr_t>(moved),
                    {site * 2 + 1, static_cast<std::int64_t>(size)});
    own_.push_back(moved);
  }
  void cross() {
    void* const other = exchange_.swap(take(), random_());
    if (other != nullptr) own_.push_back(other);
  }
  // Slots are addresses of no memory at all, this worker's own.
  [[nodiscard]] std::uintptr_t slot_address(std::size_t slot) const {
    return reinterpret_cast<std::uintptr_t>(this) + slot;
  }
  void track(std::size_t slot) {
    const auto arena = static_cast<std::uint32_t>(slot % kArenas);
    const std::size_t size = some_size();
    REQUIRE(mtrace_track(kFirstArena + arena, slot_address(slot), size) == 1);
    model_.add(arena + 1, slot_address(slot), {kSites + arena, static_cast<std::int64_t>(size)});
  }
  void untrack(std::size_t slot) {
    const auto arena = static_cast<std::uint32_t>(slot % kArenas);
    mtrace_untrack(kFirstArena + arena, slot_address(slot));
    model_.remove(arena + 1, slot_address(slot));
  }

  Model& model_;
  Exchange& exchange_;
  std::minstd_rand random_;
  std::vector<void*> own_;
};

std::size_t group_of(const SnapshotRow& row) {
  if (row.domain >= kFirstArena) return kSites + (row.domain - kFirstArena);
  const TracebackTable& tracebacks = tables.tracebacks;
  const std::uint32_t location = tracebacks.nodes()[row.node].location;
  const std::uintptr_t pc = tracebacks.modules().address_of(tracebacks.locations()[location]);
  for (std::size_t site = 0; site < kSites; ++site) {
    if (site_addresses[site].load(std::memory_order_relaxed) == pc) return site;
  }
  FAIL("a traceback that nobody made");
  return 0;
}

Groups groups_of(const SnapshotData& data) {
  Groups groups;
  for (const SnapshotRow& row : data.rows) {
    const std::size_t group = group_of(row);
    groups.live[group] += row.live;
    groups.peak[group] += row.peak;
    groups.total[group] += row.total;
  }
  return groups;
}

void check_against(const Model& model, std::int64_t peak_slack) {
  SnapshotData data;
  REQUIRE(take_snapshot_data(data));
  const Groups groups = groups_of(data);
  for (std::size_t group = 0; group < kGroups; ++group) {
    CAPTURE(group);
    CHECK(groups.live[group] == model.groups().live[group]);
    CHECK(groups.total[group] == model.groups().total[group]);
    if (peak_slack == 0) CHECK(groups.peak[group] == model.groups().peak[group]);
  }
  CHECK(data.current == static_cast<std::uint64_t>(model.current()));
  CHECK(std::abs(static_cast<std::int64_t>(data.peak) - model.peak()) <= peak_slack);
  CHECK(data.dropped_blocks == 0);
  CHECK(data.unknown_frees == 0);
  release_snapshot_data(data);
}

void run_threads(unsigned threads, int phases, int operations) {
  Model model;
  Exchange exchange;
  REQUIRE(start_tracing({}));
  // The main thread waits, but it has a share too.
  const std::int64_t peak_slack =
      threads == 0 ? 0 : (static_cast<std::int64_t>(threads) + 1) * (kSlack + 8192);
  Worker own(model, exchange, 1);
  std::barrier meeting(static_cast<std::ptrdiff_t>(threads) + 1);
  std::vector<std::thread> workers;
  for (unsigned number = 0; number < threads; ++number) {
    workers.emplace_back([&, number] {
      Worker worker(model, exchange, number + 2);
      for (int phase = 0; phase < phases; ++phase) {
        worker.run(operations);
        meeting.arrive_and_wait();
        meeting.arrive_and_wait();
      }
      worker.release_all();
    });
  }
  for (int phase = 0; phase < phases; ++phase) {
    if (threads == 0) own.run(operations);
    meeting.arrive_and_wait();
    check_against(model, peak_slack);
    meeting.arrive_and_wait();
  }
  for (std::thread& worker : workers) worker.join();
  own.release_all();
  own.release_exchanged();
  check_against(model, peak_slack);
  CHECK(model.current() == 0);
  stop_tracing();
}

TEST_CASE("one thread: equal to the naive model, with the peak's tracebacks") {
  run_threads(0, 20, 3000);
}

TEST_CASE("many threads: equal to the naive model at every barrier, the peak within its bound") {
  for (int round = 0; round < 3; ++round) run_threads(4, 8, 2000);
}

// The peak is reached and left between two looks at the counters: nothing but the threads' own
// shares can have noticed it.
TEST_CASE("many threads: a peak that nobody looked at is off by less than its bound") {
  constexpr std::int64_t kThreads = 4, kBlocks = 300, kSize = 2999;
  constexpr std::int64_t kPeak = kThreads * kBlocks * kSize;
  constexpr std::int64_t kBound = kThreads * kSlack;
  static_assert(kPeak > 10 * kBound);
  REQUIRE(start_tracing({}));
  std::barrier meeting(kThreads);
  std::vector<std::thread> workers;
  for (std::int64_t number = 0; number < kThreads; ++number) {
    workers.emplace_back([&] {
      std::array<void*, kBlocks> blocks;
      meeting.arrive_and_wait();
      for (void*& block : blocks) block = kCalls[0](nullptr, kSize);
      meeting.arrive_and_wait();
      for (void* const block : blocks) {
        trace_release(block);
        std::free(block);
      }
      meeting.arrive_and_wait();
    });
  }
  for (std::thread& worker : workers) worker.join();
  SnapshotData data;
  REQUIRE(take_snapshot_data(data));
  std::int64_t attributed = 0;
  for (const SnapshotRow& row : data.rows) attributed += row.peak.size;
  CHECK(data.current == 0);
  CHECK(std::abs(static_cast<std::int64_t>(data.peak) - kPeak) < kBound);
  // Each thread may be in the middle of one more.
  CHECK(std::abs(attributed - static_cast<std::int64_t>(data.peak)) < kBound + kThreads * kSize);
  release_snapshot_data(data);
  stop_tracing();
}

TEST_CASE("after other threads have ended, the only one is exact again") {
  Model model;
  Exchange exchange;
  REQUIRE(start_tracing({}));
  std::thread([&] {
    Worker worker(model, exchange, 7);
    worker.run(5000);
    worker.release_all();
    worker.release_exchanged();
  }).join();
  reset_peak();
  model.reset_peak();
  Worker worker(model, exchange, 8);
  worker.run(5000);
  check_against(model, 0);
  worker.release_all();
  worker.release_exchanged();
  check_against(model, 0);
  stop_tracing();
}

TEST_CASE("clearing forgets blocks, and blocks that go later are unknown") {
  REQUIRE(start_tracing({}));
  void* const block = kCalls[0](nullptr, 100);
  clear_traces();
  CHECK(traced_memory().current == 0);
  CHECK(traced_memory().peak == 0);
  CHECK(mtrace_get_block_traceback(block, nullptr, 0) == 0);
  trace_release(block);
  std::free(block);
  SnapshotData data;
  REQUIRE(take_snapshot_data(data));
  CHECK(data.rows.empty());
  CHECK(data.unknown_frees == 1);
  release_snapshot_data(data);
  stop_tracing();
}

TEST_CASE("a block's traceback begins where it was allocated") {
  REQUIRE(start_tracing({}));
  void* const block = kCalls[1](nullptr, 5000);
  std::array<std::uintptr_t, 4> frames{};
  CHECK(mtrace_get_block_traceback(block, frames.data(), frames.size()) >= 2);
  CHECK(frames[0] == site_addresses[2].load());
  trace_release(block);
  std::free(block);
  stop_tracing();
  CHECK(mtrace_get_traceback_limit() == 0);
}

TEST_CASE("at most so many frames are kept") {
  REQUIRE(mtrace_start(2) == 1);
  CHECK(mtrace_get_traceback_limit() == 2);
  void* const block = kCalls[1](nullptr, 10);
  CHECK(mtrace_get_block_traceback(block, nullptr, 0) == 2);
  trace_release(block);
  std::free(block);
  SnapshotData data;
  REQUIRE(take_snapshot_data(data));
  CHECK(data.traceback_limit == 2);
  release_snapshot_data(data);
  mtrace_stop();
}

}  // namespace
}  // namespace memtrace::runtime
