// How much of a process' memory is explained by its traced blocks, and what the rest is, in words.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mtrace/snapshot.hpp"
#include "render/document.hpp"

namespace memtrace {

// "traced 812.4 MiB (peak 1.2 GiB) → held by glibc 1.2 GiB → resident 1.3 GiB": as far as it is
// known. Empty where nothing is.
Sentence memory_chain(const Metadata& metadata);

// A part of the memory that no block explains.
struct MemoryGap {
  std::int64_t size = 0;  // bytes
  Sentence what;          // "412.0 MiB are free in glibc's arenas: fragmentation, not a leak"
  Sentence advice;        // "MALLOC_ARENA_MAX=2 ..."; may be empty
  bool is_usual = false;  // every program has some: code, the tracer
};

// Those that matter, the largest first: an eighth of what is resident, and 4 MiB, or more.
std::vector<MemoryGap> gaps_of(const Metadata& metadata);

// The largest one that is not usual, in one sentence, where it is a quarter of what is resident or
// more. Empty where there is none.
Sentence gap_words(const Metadata& metadata);

// "traced +1.0 MiB, held +80.2 MiB, resident +81.0 MiB: +79.1 MiB are free in glibc's arenas,
// fragmentation, not a leak", as far as it is known of both. Empty where nothing is.
Sentence memory_change(const Metadata& before, const Metadata& after);

// Free memory that came between the two, where that is most of what became resident, in words.
// Empty where it is not.
Sentence growth_of_free_memory(const Metadata& before, const Metadata& after);

// "▁▂[█]▅": a course over time as bars, the highest one marked; empty where there are no two
// points. Each point holds until the next.
std::string marked_course(std::span<const std::int64_t> times,
                          std::span<const std::int64_t> values);

// "glibc", or "the allocator".
std::string allocator_words(const ProcessMemory& memory);

}  // namespace memtrace
