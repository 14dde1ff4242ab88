// DWARF expressions, as far as call frame information uses them.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/unwind/register_set.hpp"
#include "runtime/unwind/stack_memory.hpp"

namespace memtrace::runtime {

enum class Evaluation : std::uint8_t {
  done,
  unknown_register,  // it needs one whose value is not known
  failed,            // damaged, endless, or reads what cannot be read
};

// With `initial` on the stack at the start (nullptr: nothing). What it reads is recorded in
// `memory`; its own cost is bounded.
Evaluation evaluate_expression(std::span<const std::uint8_t> code, const RegisterSet& registers,
                               StackMemory& memory, const std::uintptr_t* initial,
                               std::uintptr_t& result);

}  // namespace memtrace::runtime
