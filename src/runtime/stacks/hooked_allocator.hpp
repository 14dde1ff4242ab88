// The allocators of an interpreter that has hooks for others in front of them.
#pragma once

#include <cstddef>

namespace memtrace::runtime {

// An interpreter's allocator, in the layout of CPython's PyMemAllocatorEx.
struct InterpreterAllocator {
  void* context = nullptr;
  void* (*allocate)(void* context, std::size_t size) = nullptr;
  void* (*allocate_zeroed)(void* context, std::size_t count, std::size_t size) = nullptr;
  void* (*resize)(void* context, void* pointer, std::size_t size) = nullptr;
  void (*release)(void* context, void* pointer) = nullptr;
};

// What the hooks' context points to.
struct HookedAllocator {
  InterpreterAllocator inner;  // that the hooks stand in front of
  bool holds_lock = false;     // whoever allocates has the interpreter's lock
};

}  // namespace memtrace::runtime
