// How the values of attributes are written: getting over them.
#pragma once

#include <cstdint>

namespace memtrace {

// The size of a form that says more itself.
inline constexpr std::uint32_t kVaries = UINT32_MAX;

// What a unit says about the size of some forms.
struct FormSizes {
  std::uint16_t version = 0;
  std::uint8_t address_size = 0, offset_size = 0;

  // In bytes.
  [[nodiscard]] std::uint32_t of(unsigned form) const;
  // Behind the value of that form and size; nullptr where it is damaged.
  [[nodiscard]] const std::uint8_t* skip(unsigned form, std::uint32_t size, const std::uint8_t* at,
                                         const std::uint8_t* end) const;
};

// Little-endian; ELF files of another byte order are refused when they are opened.
std::uint64_t read_form_number(const std::uint8_t* at, std::uint32_t size);
// Behind it; nullptr where it does not end.
const std::uint8_t* read_form_varint(const std::uint8_t* at, const std::uint8_t* end,
                                     std::uint64_t& value);

}  // namespace memtrace
