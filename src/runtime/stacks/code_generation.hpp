// Which code lies where can change: dlopen() and dlclose() begin a new generation.
#pragma once

#include <atomic>
#include <cstdint>

namespace memtrace::runtime {

struct CodeGeneration {
  // What a pc means: tracebacks of another generation are not compared by their addresses.
  std::atomic<std::uint32_t> addresses{1};
  // What was learnt by unwinding: stack caches of another generation are emptied.
  std::atomic<std::uint32_t> stacks{1};
};
alignas(64) extern constinit CodeGeneration code_generation;

// Before a library may be loaded, which may take the place of one that is gone.
void code_may_be_loaded();
// Before and after one may be unloaded.
void code_may_be_unloaded();
// Stacks are unwound anew: another number of frames is kept from now on.
void stacks_may_be_cut_differently();

}  // namespace memtrace::runtime
