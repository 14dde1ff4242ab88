// What is known of a process' memory, one amount after the other: in the order of the file's keys.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "mtrace/snapshot.hpp"
#include "wire/format.hpp"

namespace memtrace {

struct MemoryAmount {
  std::string_view name;  // in JSON, and in a text dump
  std::optional<std::uint64_t> ProcessMemory::*amount;
};

inline constexpr std::array<MemoryAmount, wire::kMemoryAmounts> kMemoryAmounts = {{
    {"resident", &ProcessMemory::resident},
    {"anonymous", &ProcessMemory::anonymous},
    {"file", &ProcessMemory::file},
    {"shared", &ProcessMemory::shared},
    {"huge_pages", &ProcessMemory::huge_pages},
    {"resident_peak", &ProcessMemory::resident_peak},
    {"swapped", &ProcessMemory::swapped},
    {"cgroup_use", &ProcessMemory::cgroup_use},
    {"cgroup_limit", &ProcessMemory::cgroup_limit},
    {"held", &ProcessMemory::held},
    {"free", &ProcessMemory::free},
}};

}  // namespace memtrace
