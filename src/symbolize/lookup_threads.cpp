#include "symbolize/lookup_threads.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace memtrace {
namespace {

constexpr auto kProgressEvery = std::chrono::milliseconds(50);

struct OpenModule {
  OpenModule(ModuleRequest& request, const SymbolizeOptions& options, DebugServers& servers,
             Names& names)
      : lookup(request, options, servers, names), addresses(request.addresses.size()) {}

  ModuleLookup lookup;
  std::uint64_t addresses;     // not counted as done yet
  std::size_t parts_left = 0;  // not resolved yet
};

struct Task {
  std::shared_ptr<OpenModule> module;
  ModuleLookup::Part part;
};

class LookupThreads {
 public:
  LookupThreads(std::span<ModuleRequest> requests, const SymbolizeOptions& options,
                DebugServers& servers, Names& names)
      : requests_(requests), options_(options), servers_(servers), names_(names) {
    for (const ModuleRequest& request : requests) total_ += request.addresses.size();
  }

  void run() {
    const unsigned wanted = options_.threads != 0
                                ? options_.threads
                                : std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < wanted; ++i) threads.emplace_back([this] { work(); });
    report_until_done(wanted);
    threads.clear();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  using Lock = std::unique_lock<std::mutex>;

  void report_until_done(unsigned threads) {
    Lock lock(mutex_);
    while (!changed_for_caller_.wait_for(lock, kProgressEvery,
                                         [&] { return threads_done_ == threads; })) {
      if (!options_.progress) continue;
      const std::uint64_t done = done_;
      lock.unlock();
      options_.progress(done, total_);
      lock.lock();
    }
  }

  void work() {
    Lock lock(mutex_);
    try {
      while (step(lock)) {
      }
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      if (!failure_) failure_ = std::current_exception();
    }
    ++threads_done_;
    changed_.notify_all();
    changed_for_caller_.notify_all();
  }

  // Does one thing with the lock let go; false when there is nothing left to do.
  bool step(Lock& lock) {
    changed_.wait(lock, [&] {
      return failure_ || !tasks_.empty() || next_ < requests_.size() || opening_ == 0;
    });
    if (failure_) return false;
    if (!tasks_.empty()) {
      const Task task = std::move(tasks_.front());
      tasks_.pop_front();
      resolve(task, lock);
      return true;
    }
    if (next_ == requests_.size()) return false;
    open(requests_[next_++], lock);
    return true;
  }

  void open(ModuleRequest& request, Lock& lock) {
    ++opening_;
    lock.unlock();
    const auto module = std::make_shared<OpenModule>(request, options_, servers_, names_);
    const std::vector<ModuleLookup::Part> parts = module->lookup.open();
    if (parts.empty()) module->lookup.finish();
    lock.lock();
    module->parts_left = parts.size();
    for (const auto part : parts) tasks_.push_back({module, part});
    if (parts.empty()) done_ += module->addresses;
    --opening_;
    changed_.notify_all();
  }

  void resolve(const Task& task, Lock& lock) {
    lock.unlock();
    task.module->lookup.resolve(task.part);
    const std::uint64_t resolved = task.module->lookup.addresses_in(task.part);
    lock.lock();
    done_ += resolved;
    task.module->addresses -= resolved;
    if (--task.module->parts_left > 0) return;
    lock.unlock();
    task.module->lookup.finish();
    lock.lock();
    done_ += task.module->addresses;
  }

  std::span<ModuleRequest> requests_;
  const SymbolizeOptions& options_;
  DebugServers& servers_;
  Names& names_;

  std::mutex mutex_;  // for all that follows
  std::condition_variable changed_, changed_for_caller_;
  std::deque<Task> tasks_;
  std::size_t next_ = 0;  // the next request to open
  std::size_t opening_ = 0;
  std::uint64_t done_ = 0, total_ = 0;
  unsigned threads_done_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

void look_up(std::span<ModuleRequest> requests, const SymbolizeOptions& options,
             DebugServers& servers, Names& names) {
  LookupThreads(requests, options, servers, names).run();
}

}  // namespace memtrace
