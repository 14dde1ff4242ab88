// A module's .eh_frame: which entry describes a pc.
#pragma once

#include <cstdint>
#include <span>

namespace memtrace::runtime {

// All reading stays inside `segment`. Pointers relative to themselves mean what they mean where
// the bytes lie: of a copy they give addresses beside the copy.
struct CallFrameTables {
  std::span<const std::uint8_t> segment;
  const std::uint8_t* header = nullptr;  // .eh_frame_hdr, in the segment
};

// How the stack is unwound in one function: an FDE with what its CIE says.
struct FrameEntry {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;  // exclusive
  std::span<const std::uint8_t> initial_instructions;
  std::span<const std::uint8_t> instructions;
  std::uint64_t code_alignment = 0;
  std::int64_t data_alignment = 0;
  std::uint64_t return_address_register = 0;
  std::uint8_t pointer_encoding = 0;
  bool augmented = false;  // its FDEs carry augmentation data
  bool signal_frame = false;
};

// The entry whose function holds `address`; false where there is none or the tables are damaged.
// Costs a binary search, or, where the linker wrote no table to search, a pass over .eh_frame.
bool find_frame_entry(const CallFrameTables& tables, std::uintptr_t address, FrameEntry& entry);

}  // namespace memtrace::runtime
