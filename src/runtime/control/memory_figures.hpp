// What a snapshot says of the process' memory as the system and the allocator see it, and how both
// developed.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/counters/snapshot_data.hpp"
#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// By whoever writes a snapshot, on any thread. The allocator's figures are those that were offered
// a moment ago; else a thread of the program's is asked for them, at its next event, or one of the
// tracer's reads them, and either is waited for only so long: then they stay unknown.
void read_memory_figures(SnapshotData& data);

// By a thread of the program's that waits for a snapshot, where none of the tracer's can read them.
// `caller`: the registers of its caller. Not in a signal handler, which may have interrupted the
// allocator.
void offer_allocator_figures(const Registers& caller);
// At the end of a hook, where somebody has asked.
void answer_figures_request();

// By the service, each second or so: adds a point to the time line where one is due. Takes some 10
// microseconds then.
void note_resident_memory();
// What has been noted, oldest first. Returns how many points.
inline constexpr std::size_t kMostMemoryPoints = 512;
std::size_t copy_memory_timeline(std::span<MemoryRecord> points);

// The process begins: a new program, or the child of a fork.
void begin_memory_figures();
// It has lived for a second. A process that has looked into /proc costs the kernel more when it
// ends: what lives for milliseconds only must not.
bool has_lived_long();

}  // namespace memtrace::runtime
