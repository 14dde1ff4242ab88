// The events of the few blocks that are sampled.
#pragma once

#include <cstdint>

#include "runtime/blocks/sampled_blocks.hpp"
#include "runtime/tracer/thread_state.hpp"

namespace memtrace::runtime {

[[gnu::visibility("hidden")]] extern constinit SampledBlocks sampled_blocks;
// Mean bytes between samples; 0: every block is traced.
extern constinit std::atomic<std::uint64_t> sampling_rate;

// Whether the distance has been passed, now that a step of it has, by a block of `size` bytes.
// Draws a thread's first distance, so that a thread that ends before its first sample costs hardly
// anything, and its first one with another rate.
[[gnu::noinline]] bool passes_distance(std::size_t size);
// The distance to the next sample has been passed: the block of `size` bytes is sampled.
[[gnu::noinline]] void on_distance_passed(ThreadState& thread, void* pointer, std::size_t size,
                                          const Registers& caller);
// The same where the traceback is found by other means: record_of() gives it, if it is wanted.
struct RecordSource {
  RecordId (*record_of)(ThreadState& thread, const void* context);
  const void* context;
};
[[gnu::noinline]] void on_distance_passed(ThreadState& thread, void* pointer, std::size_t size,
                                          const RecordSource& source);
// A block goes that the filter may hold.
[[gnu::noinline]] void on_sampled_release(ThreadState& thread, void* pointer);

// A block begins another life: where it is sampled, as it was, in another traceback.
void on_sampled_reference(ThreadState& thread, std::uintptr_t address, const RecordSource& source);

// As with exact tracing: first out of the maps, then moved, then subtracted, or put back.
struct MovingSample {
  SampledBlock block;
  std::uint32_t era = 0;
};
MovingSample begin_sampled_move(ThreadState& thread, void* pointer);
void end_sampled_move(ThreadState& thread, const MovingSample& moving);
void cancel_sampled_move(ThreadState& thread, const MovingSample& moving, void* pointer);

}  // namespace memtrace::runtime
