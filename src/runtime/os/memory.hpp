// The tracer's own memory: pages straight from the kernel, never the heap that is traced.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memtrace::runtime {

// Address space of `size` bytes (rounded up to pages), zeroed, backed by memory page by page as it
// is touched. nullptr where the kernel refuses, or where it would be too much of what the process
// is allowed (see memory_limits.hpp). Any thread, also inside a signal handler.
void* map_memory(std::size_t size);
// The same, backed by memory at once where the kernel knows how: for a hash table, which is soon
// touched everywhere. For each page it costs a tenth of a fault, or of two where it is read first.
void* map_backed_memory(std::size_t size);
void unmap_memory(void* memory, std::size_t size);
// Makes whole pages zero again and gives their memory back; the address space stays.
void clear_memory(void* memory, std::size_t size);
// Bytes of it that are backed by memory.
std::size_t resident_memory(const void* memory, std::size_t size);

// Whether the program has locked, by mlockall(), what it will map. The tracer's own is not.
void set_locks_future_memory(bool locks);

// Whether reading the byte at `address` would not fault: one system call.
bool is_readable(const void* address);

}  // namespace memtrace::runtime
