// Where an unwind begins that is none of the tracer's own functions.
#pragma once

#include <cstdint>

#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// The registers of whoever called the function that this is written in. It must have a frame
// pointer: it is compiled with -fno-omit-frame-pointer.
[[gnu::always_inline]] inline Registers caller_registers() {
  // The caller's rbp and the return address lie there.
  constexpr std::uintptr_t kSavedWords = 2 * sizeof(std::uintptr_t);
  const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return {reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)), frame + kSavedWords,
          *reinterpret_cast<const std::uintptr_t*>(frame)};
}

}  // namespace memtrace::runtime
