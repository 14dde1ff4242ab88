#include "runtime/stacks/code_generation.hpp"

#include "runtime/unwind/row_cache.hpp"

namespace memtrace::runtime {

alignas(64) constinit CodeGeneration code_generation;

void code_may_be_loaded() {
  RowCache::invalidate_all();
  code_generation.stacks.fetch_add(1, std::memory_order_acq_rel);
}

void code_may_be_unloaded() {
  RowCache::invalidate_all();
  code_generation.addresses.fetch_add(1, std::memory_order_acq_rel);
  code_generation.stacks.fetch_add(1, std::memory_order_acq_rel);
}

void stacks_may_be_cut_differently() {
  code_generation.stacks.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace memtrace::runtime
