#include "symbolize/dwarf_forms.hpp"

#include <dwarf.h>

#include <algorithm>
#include <cstring>

namespace memtrace {
namespace {

using Position = const std::uint8_t*;

}  // namespace

std::uint64_t read_form_number(Position at, std::uint32_t size) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, std::min<std::uint32_t>(size, sizeof value));
  return value;
}

Position read_form_varint(Position at, Position end, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; at != end; shift += 7) {
    const std::uint8_t byte = *at++;
    if (shift < 64) value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return at;
  }
  return nullptr;
}

// NOLINTNEXTLINE(readability-function-size): a table
std::uint32_t FormSizes::of(unsigned form) const {
  switch (form) {
    case DW_FORM_flag_present:
    case DW_FORM_implicit_const:
      return 0;
    case DW_FORM_data1:
    case DW_FORM_ref1:
    case DW_FORM_flag:
    case DW_FORM_strx1:
    case DW_FORM_addrx1:
      return 1;
    case DW_FORM_data2:
    case DW_FORM_ref2:
    case DW_FORM_strx2:
    case DW_FORM_addrx2:
      return 2;
    case DW_FORM_strx3:
    case DW_FORM_addrx3:
      return 3;
    case DW_FORM_data4:
    case DW_FORM_ref4:
    case DW_FORM_strx4:
    case DW_FORM_addrx4:
    case DW_FORM_ref_sup4:
      return 4;
    case DW_FORM_data8:
    case DW_FORM_ref8:
    case DW_FORM_ref_sig8:
    case DW_FORM_ref_sup8:
      return 8;
    case DW_FORM_data16:
      return 16;
    case DW_FORM_addr:
      return address_size;
    case DW_FORM_ref_addr:
      return version <= 2 ? address_size : offset_size;
    case DW_FORM_strp:
    case DW_FORM_sec_offset:
    case DW_FORM_line_strp:
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_GNU_strp_alt:
      return offset_size;
    default:
      return kVaries;
  }
}

Position FormSizes::skip(unsigned form, std::uint32_t size, Position at, Position end) const {
  const auto left = static_cast<std::uint64_t>(end - at);
  std::uint64_t bytes = size;
  switch (size == kVaries ? form : unsigned{DW_FORM_data1}) {
    case DW_FORM_string: {
      const void* const nul = std::memchr(at, 0, left);
      return nul == nullptr ? nullptr : static_cast<Position>(nul) + 1;
    }
    case DW_FORM_block1:
    case DW_FORM_block2:
    case DW_FORM_block4: {
      const std::uint32_t count = form == DW_FORM_block1 ? 1 : form == DW_FORM_block2 ? 2 : 4;
      if (left < count) return nullptr;
      bytes = count + read_form_number(at, count);
      break;
    }
    case DW_FORM_block:
    case DW_FORM_exprloc: {
      at = read_form_varint(at, end, bytes);
      return at == nullptr || bytes > static_cast<std::uint64_t>(end - at) ? nullptr : at + bytes;
    }
    case DW_FORM_indirect: {
      at = read_form_varint(at, end, bytes);
      // Not another indirect one: that could go on for ever.
      if (at == nullptr || bytes == DW_FORM_indirect || bytes > UINT16_MAX) return nullptr;
      return skip(static_cast<unsigned>(bytes), of(static_cast<unsigned>(bytes)), at, end);
    }
    case DW_FORM_udata:
    case DW_FORM_sdata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
    case DW_FORM_GNU_addr_index:
    case DW_FORM_GNU_str_index:
      return read_form_varint(at, end, bytes);
    case DW_FORM_data1:
      break;
    default:
      return nullptr;
  }
  return bytes > left ? nullptr : at + bytes;
}

}  // namespace memtrace
