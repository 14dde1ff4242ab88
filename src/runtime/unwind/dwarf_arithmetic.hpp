// What DWARF expressions compute of two values.
#pragma once

#include <cstdint>

namespace memtrace::runtime {

// false where `operation` is none of them or has no result.
bool combine(std::uint8_t operation, std::uintptr_t left, std::uintptr_t right,
             std::uintptr_t& result);

}  // namespace memtrace::runtime
