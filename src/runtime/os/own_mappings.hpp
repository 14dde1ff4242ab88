// All memory that the tracer has from the kernel, in one list: what it costs, and what has to be
// done to all of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memtrace::runtime {

// Any thread, also inside a signal handler: no locks. Adding costs a look at a few places, removing
// one at half of all, which are hundreds, or a thousand for each 2 GiB of a heap of small blocks.
// Where there is no room, false.
bool add_own_mapping(std::uintptr_t begin, std::size_t size);
void remove_own_mapping(std::uintptr_t begin, std::size_t size);

// Bytes of address space.
std::size_t own_mapped_memory();
// Bytes of all of them that are backed by memory, with the library's own variables.
std::size_t own_resident_memory();
// Unlocks all of them, and those variables: the program's mlockall() is not meant for them.
void unlock_own_mappings();

}  // namespace memtrace::runtime
