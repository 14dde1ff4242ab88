// A service for `./dev bench growth`: the same work, with a growth reporter or without one.
//
//   growth_service UNITS [SECONDS]    SECONDS of a window; without it, there is no reporter
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>

#include "mtrace/growth.hpp"
#include "mtrace/mtrace.h"

namespace {

constexpr unsigned kPaths = 1 << 13;

std::deque<std::unique_ptr<char[]>> alive;

void keep(unsigned path) {
  alive.push_back(std::make_unique<char[]>(32 + path % 200));
  if (alive.size() > 100'000) alive.pop_front();
}

// Each path is a stack of its own.
// NOLINTNEXTLINE(misc-no-recursion)
[[gnu::noinline]] void descend(unsigned path, unsigned depth) {
  if (depth == 0) return keep(path);
  if ((path >> (depth - 1)) % 2 == 0) {
    descend(path, depth - 1);
    asm volatile("");
  } else {
    descend(path, depth - 1);
    asm volatile("" ::: "memory");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const long units = argc > 1 ? std::atol(argv[1]) : 1000;
  mtrace_start(0);
  long long lines = 0;
  if (argc > 2) {
    memtrace::GrowthOptions options;
    options.every = std::atof(argv[2]);
    options.callback = [&lines](const memtrace::GrownLine&) { ++lines; };
    memtrace::report_growth(options);
  }
  for (long unit = 0; unit < units; ++unit) {
    for (unsigned path = 0; path < kPaths; ++path) descend(path, 13);
  }
  if (argc > 2) memtrace::stop_reporting_growth();
  std::printf("%zu\n", alive.size());
  return 0;
}
