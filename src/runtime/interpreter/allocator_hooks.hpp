// The hooks in front of an interpreter's allocators.
#pragma once

#include "runtime/interpreter/support.hpp"

namespace memtrace::runtime {

// `context` is the HookedAllocator that they stand in front of.
void* interpreter_allocate(void* context, std::size_t size);
void* interpreter_allocate_zeroed(void* context, std::size_t count, std::size_t size);
void* interpreter_resize(void* context, void* pointer, std::size_t size);
void interpreter_release(void* context, void* pointer);

// A block has become an object, in the stack of `caller`.
void interpreter_refer(std::uintptr_t block, const Registers& caller, bool may_be_large);
// Where, from each thread's pointer on, the address of its last block is kept until that becomes an
// object. Where only some blocks are traced, it is that of the last one that is.
std::ptrdiff_t fresh_block_offset();

// A block that the interpreter took from malloc before it had chosen its allocators, and may give
// to another one: it goes back where it came from.
void set_early_block(void* block);

}  // namespace memtrace::runtime
