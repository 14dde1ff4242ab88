// How the values of attributes are written: reading them, and getting over them.
#pragma once

#include <cstdint>

#include "base/byte_cursor.hpp"
#include "symbolize/elf_file.hpp"

namespace memtrace {

// The size of a form that says more itself.
inline constexpr std::uint32_t kVaries = UINT32_MAX;

// What a unit says about the size of some forms.
struct FormSizes {
  std::uint16_t version = 0;
  std::uint8_t address_size = 0, offset_size = 0;

  // In bytes.
  [[nodiscard]] std::uint32_t of(unsigned form) const;
  // Moves behind the value of that form and size. Throws Error where it is damaged.
  void skip(unsigned form, std::uint32_t size, ByteCursor& cursor) const;
};

// The number at `index` in a table of numbers of `size` bytes, which is that long.
// Little-endian; ELF files of another byte order are refused when they are opened.
inline std::uint64_t number_at(Bytes table, std::uint64_t index, std::uint32_t size) {
  return ByteCursor(table.subspan(index * size)).fixed(size);
}

}  // namespace memtrace
