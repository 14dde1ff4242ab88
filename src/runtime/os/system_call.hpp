// System calls without libc: the runtime must not touch the host's errno, be cancelled in the
// middle, or come back to itself through a wrapper that the host has replaced.
#pragma once

#include <sys/syscall.h>

#include <concepts>
#include <type_traits>

namespace memtrace::runtime {

inline constexpr long kHighestErrorNumber = 4095;

inline bool is_error(long result) {
  return result < 0 && result >= -kHighestErrorNumber;
}

namespace detail {

template <class Argument>
long as_register(Argument argument) {
  if constexpr (std::is_pointer_v<Argument>) {
    return reinterpret_cast<long>(argument);
  } else if constexpr (std::is_null_pointer_v<Argument>) {
    return 0;
  } else {
    return static_cast<long>(argument);
  }
}

}  // namespace detail

// The kernel's answer: a negative error number (is_error) or the result. Up to six arguments.
template <class... Arguments>
long system_call(long number, Arguments... arguments) {
  static_assert(sizeof...(Arguments) <= 6);
  const long values[7] = {detail::as_register(arguments)..., 0};
  constexpr std::size_t kCount = sizeof...(Arguments);
  long result = number;
  register long fourth asm("r10") = kCount > 3 ? values[3] : 0;
  register long fifth asm("r8") = kCount > 4 ? values[4] : 0;
  register long sixth asm("r9") = kCount > 5 ? values[5] : 0;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(kCount > 0 ? values[0] : 0), "S"(kCount > 1 ? values[1] : 0),
                 "d"(kCount > 2 ? values[2] : 0), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
  return result;
}

}  // namespace memtrace::runtime
