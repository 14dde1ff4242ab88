// The tracer's own memory: pages straight from the kernel, never the heap that is traced.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/os/system_call.hpp"
#include "wire/encoding_memory.hpp"

namespace memtrace::runtime {

// Address space of `size` bytes (rounded up to pages), zeroed, backed by memory page by page as it
// is touched. nullptr where the kernel refuses, or where it would be too much of what the process
// is allowed (see may_map()). Any thread, also inside a signal handler.
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

// How much memory a process may have, and what of that the tracer may take.

// Whether the tracer may map `size` bytes more: it takes at most a quarter of a limit, so that
// the program, which may be given a limit that it just fits in, has the rest.
bool may_map(std::size_t size);

// The tracer was refused memory: by the kernel, with this error, or, with 0, by may_map().
void note_refusal(long error);
// Why it was the last time, in words that end a sentence: "RLIMIT_AS leaves no room".
std::string_view why_refused();

// The program asked for `size` bytes in vain. Whether it would have been given them, by its limits,
// if the tracer had not had `held` bytes; then why_refused() says which limit it is.
bool is_in_the_way(std::size_t size, std::size_t held);

// Arrays for the length of a task, in pages of the tracer's own.

// Asks for pages of 2 MiB. Where there are none, nothing changes.
inline void prefer_large_pages(void* memory, std::size_t size) {
  if (memory != nullptr) system_call(SYS_madvise, memory, size, MADV_HUGEPAGE);
}

inline void* map_task_memory(std::size_t size) {
  constexpr std::size_t kLarge = std::size_t{4} << 20;
  void* const memory = map_memory(size);
  // A fifth of the time of a large task would go into page faults.
  if (size >= kLarge) prefer_large_pages(memory, size);
  return memory;
}
inline constexpr wire::EncodingMemory kTaskMemory = {.allocate = map_task_memory,
                                                     .release = unmap_memory};

// Zeroed items of a fixed number, gone with the scope. Empty where the kernel gave no memory.
template <class T>
class MappedArray : public wire::EncodingArray<T> {
 public:
  // Once. false where there is no memory; no items need none.
  bool allocate(std::size_t size) { return wire::EncodingArray<T>::allocate(kTaskMemory, size); }
};

}  // namespace memtrace::runtime
