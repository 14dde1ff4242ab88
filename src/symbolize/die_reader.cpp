#include "symbolize/die_reader.hpp"

#include <dwarf.h>

#include <algorithm>
#include <cstring>

namespace memtrace {
namespace {

constexpr std::uint32_t kVaries = UINT32_MAX;
// Codes count up from 1 in what compilers write.
constexpr unsigned kMostAbbreviations = 1 << 20;
constexpr std::size_t kMostAttributes = 1 << 10;

using Position = DieReader::Position;

// Little-endian; ELF files of another byte order are refused when they are opened.
std::uint64_t number(Position at, std::uint32_t size) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, std::min<std::uint32_t>(size, sizeof value));
  return value;
}

// Returns nullptr where it does not end.
Position read_varint(Position at, Position end, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; at != end; shift += 7) {
    const std::uint8_t byte = *at++;
    if (shift < 64) value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return at;
  }
  return nullptr;
}

bool is_constant(unsigned form) {
  return form == DW_FORM_data1 || form == DW_FORM_data2 || form == DW_FORM_data4 ||
         form == DW_FORM_data8;
}

bool is_unit_reference(unsigned form) {
  return form == DW_FORM_ref1 || form == DW_FORM_ref2 || form == DW_FORM_ref4 ||
         form == DW_FORM_ref8;
}

bool is_asked_for(unsigned name) {
  return name == DW_AT_low_pc || name == DW_AT_high_pc || name == DW_AT_ranges ||
         name == DW_AT_entry_pc || name == DW_AT_sibling || name == DW_AT_abstract_origin ||
         name == DW_AT_call_file || name == DW_AT_call_line;
}

}  // namespace

DieReader::DieReader(Dwarf_Die unit) : unit_(unit) {
  Dwarf* const dwarf = dwarf_cu_getdwarf(unit.cu);
  die_offset_ = dwarf_dieoffset(&unit_);
  unit_offset_ = die_offset_ - dwarf_cuoffset(&unit_);
  Dwarf_Off end = 0;
  std::size_t header = 0;
  Dwarf_Half version = 0;
  if (dwarf_next_unit(dwarf, unit_offset_, &end, &header, &version, nullptr, &address_size_,
                      &offset_size_, nullptr, nullptr) != 0 ||
      end <= die_offset_) {
    is_damaged_ = true;
    return;
  }
  version_ = version;
  begin_ = static_cast<Position>(unit.addr);
  end_ = begin_ + (end - die_offset_);
  read_abbreviations();
}

void DieReader::read_abbreviations() {
  std::size_t size = 0;
  for (Dwarf_Off offset = 0;; offset += size) {
    Dwarf_Abbrev* const from = dwarf_getabbrev(&unit_, offset, &size);
    if (from == nullptr || from == DWARF_END_ABBREV) return;
    const unsigned code = dwarf_getabbrevcode(from);
    if (code >= kMostAbbreviations) return;
    if (code >= abbreviations_.size()) abbreviations_.resize(code + 1);
    Abbreviation& to = abbreviations_[code];
    if (to.tag != 0) continue;
    to.tag = static_cast<int>(dwarf_getabbrevtag(from));
    to.has_children = dwarf_abbrevhaschildren(from) != 0;
    // Not dwarf_getattrcnt(): it stops at an implicit constant of 0.
    for (std::size_t i = 0; i < kMostAttributes; ++i) {
      unsigned name = 0, form = 0;
      Dwarf_Sword constant = 0;
      if (dwarf_getabbrevattr_data(from, i, &name, &form, &constant, nullptr) != 0) break;
      const std::uint32_t bytes = size_of(form);
      const auto asked = static_cast<std::uint16_t>(is_asked_for(name) ? name : 0);
      auto& steps = to.steps;
      // What is only passed over is passed over in one step.
      if (asked == 0 && bytes != kVaries && !steps.empty() && steps.back().name == 0 &&
          steps.back().size != kVaries) {
        steps.back().size += bytes;
      } else {
        steps.push_back(
            {asked, static_cast<std::uint16_t>(form), bytes, static_cast<std::uint32_t>(constant)});
      }
    }
  }
}

// NOLINTNEXTLINE(readability-function-size): a table
std::uint32_t DieReader::size_of(unsigned form) const {
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
      return address_size_;
    case DW_FORM_ref_addr:
      return version_ <= 2 ? address_size_ : offset_size_;
    case DW_FORM_strp:
    case DW_FORM_sec_offset:
    case DW_FORM_line_strp:
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_GNU_strp_alt:
      return offset_size_;
    default:
      return kVaries;
  }
}

DieReader::Position DieReader::skip(unsigned form, std::uint32_t size, Position at) const {
  const auto left = static_cast<std::uint64_t>(end_ - at);
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
      bytes = count + number(at, count);
      break;
    }
    case DW_FORM_block:
    case DW_FORM_exprloc: {
      at = read_varint(at, end_, bytes);
      return at == nullptr || bytes > static_cast<std::uint64_t>(end_ - at) ? nullptr : at + bytes;
    }
    case DW_FORM_indirect: {
      at = read_varint(at, end_, bytes);
      // Not another indirect one: that could go on for ever.
      if (at == nullptr || bytes == DW_FORM_indirect || bytes > UINT16_MAX) return nullptr;
      return skip(static_cast<unsigned>(bytes), size_of(static_cast<unsigned>(bytes)), at);
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
      return read_varint(at, end_, bytes);
    case DW_FORM_data1:
      break;
    default:
      return nullptr;
  }
  return bytes > left ? nullptr : at + bytes;
}

// Another DIE of the unit, by its offset from the unit's header; nullptr where it is elsewhere.
DieReader::Position DieReader::referred(const Abbreviation::Step& step, Position at) const {
  std::uint64_t offset = 0;
  if (is_unit_reference(step.form)) {
    offset = number(at, step.size);
  } else if (step.form != DW_FORM_ref_udata || read_varint(at, end_, offset) == nullptr) {
    return nullptr;
  }
  const std::uint64_t header = die_offset_ - unit_offset_;
  const bool is_inside =
      offset >= header && offset - header <= static_cast<std::uint64_t>(end_ - begin_);
  return is_inside ? begin_ + (offset - header) : nullptr;
}

std::uint32_t DieReader::small_number(const Abbreviation::Step& step, Position at) const {
  std::uint64_t value = 0;
  if (step.form == DW_FORM_implicit_const) {
    value = step.constant;
  } else if (is_constant(step.form)) {
    value = number(at, step.size);
  } else if (step.form == DW_FORM_udata) {
    read_varint(at, end_, value);
  }
  return value > UINT32_MAX ? 0 : static_cast<std::uint32_t>(value);
}

void DieReader::note(const Abbreviation::Step& step, Position at, Die& die) const {
  switch (step.name) {
    case DW_AT_sibling:
      die.sibling = referred(step, at);
      return;
    case DW_AT_abstract_origin:
      die.origin = referred(step, at);
      return;
    case DW_AT_call_file:
      die.call_file = small_number(step, at);
      return;
    case DW_AT_call_line:
      die.call_line = small_number(step, at);
      return;
    case DW_AT_entry_pc:
      return;
    default:
      break;
  }
  if (step.name == DW_AT_low_pc && step.form == DW_FORM_addr) {
    die.low = number(at, step.size);
  } else if (step.name == DW_AT_high_pc && is_constant(step.form)) {
    die.high = number(at, step.size);
    die.has_plain_range = true;
  } else {
    die.has_other_ranges = true;
  }
}

std::nullopt_t DieReader::give_up(Position& position) {
  is_damaged_ = true;
  position = end_;
  return std::nullopt;
}

DieReader::Position DieReader::first_child() {
  Position position = begin_;
  if (begin_ == nullptr) return nullptr;
  const std::optional<Die> unit = read(position);
  return unit && unit->abbreviation->has_children ? position : nullptr;
}

std::optional<DieReader::Die> DieReader::read(Position& position) {
  std::uint64_t code = 0;
  Die die;
  die.at = position;
  position = read_varint(position, end_, code);
  if (position == nullptr || code >= abbreviations_.size() || abbreviations_[code].tag == 0) {
    if (position == nullptr || code != 0) return give_up(position);
    return std::nullopt;
  }
  die.abbreviation = &abbreviations_[code];
  for (const Abbreviation::Step& step : die.abbreviation->steps) {
    const Position behind = skip(step.form, step.size, position);
    if (behind == nullptr) return give_up(position);
    if (step.name != 0) note(step, position, die);
    position = behind;
  }
  die.behind = position;
  die.high += die.low;
  return die;
}

DieReader::Position DieReader::behind_children(const Die& die) {
  if (!die.abbreviation->has_children) return die.behind;
  if (die.sibling > die.behind) return die.sibling;
  Position position = die.behind;
  for (std::uint64_t depth = 1; depth > 0 && position != end_;) {
    const std::optional<Die> child = read(position);
    if (!child) {
      --depth;
    } else if (child->sibling > child->behind) {
      position = child->sibling;
    } else if (child->abbreviation->has_children) {
      ++depth;
    }
  }
  return position;
}

bool DieReader::open(Position at, Dwarf_Die& opened) const {
  const auto offset = die_offset_ + static_cast<Dwarf_Off>(at - begin_);
  return dwarf_offdie(dwarf_cu_getdwarf(unit_.cu), offset, &opened) != nullptr;
}

}  // namespace memtrace
