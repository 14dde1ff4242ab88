#include "symbolize/range_lists.hpp"

#include <dwarf.h>

#include <initializer_list>

namespace memtrace {
namespace {

constexpr std::uint16_t kListsVersion = 5;

std::optional<std::uint64_t> number_in(Dwarf_Die& die, std::initializer_list<unsigned> names) {
  for (const unsigned name : names) {
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (dwarf_attr(&die, name, &attribute) != nullptr && dwarf_formudata(&attribute, &value) == 0) {
      return value;
    }
  }
  return std::nullopt;
}

FormSizes sizes_of(Dwarf_Die& unit) {
  FormSizes sizes;
  std::uint8_t type = 0;
  dwarf_cu_info(unit.cu, &sizes.version, &type, nullptr, nullptr, nullptr, &sizes.address_size,
                &sizes.offset_size);
  return sizes;
}

// Behind the header of a section of DWARF 5: length, version, the sizes of addresses and of segment
// selectors, and for lists a count.
std::uint64_t header_size(const FormSizes& sizes, std::uint64_t count_size) {
  const std::uint64_t length_size = sizes.offset_size == 8 ? 12 : 4;
  return sizes.version < kListsVersion ? 0 : length_size + 4 + count_size;
}

}  // namespace

AddressTable::AddressTable(Bytes section, std::uint64_t begin, std::uint8_t address_size)
    : addresses_(begin <= section.size() ? section.subspan(begin) : Bytes()),
      address_size_(address_size) {}

std::optional<std::uint64_t> AddressTable::operator[](std::uint64_t number) const {
  if (address_size_ == 0 || number >= addresses_.size() / address_size_) return std::nullopt;
  return number_at(addresses_, number, address_size_);
}

RangeLists::RangeLists(const CodeSections& sections, Dwarf_Die unit)
    : sizes_(sizes_of(unit)),
      lists_(sizes_.version < kListsVersion ? sections.ranges : sections.range_lists) {
  const auto addresses_begin = number_in(unit, {DW_AT_addr_base, DW_AT_GNU_addr_base});
  addresses_ = AddressTable(sections.addresses, addresses_begin.value_or(header_size(sizes_, 0)),
                            sizes_.address_size);
  offsets_begin_ = number_in(unit, {DW_AT_rnglists_base}).value_or(header_size(sizes_, 4));
  dwarf_lowpc(&unit, &base_);
  entries_left_ = 4 * std::uint64_t{lists_.size()} + 1024;
}

RangeLists::RangeLists(const CodeSections& sections, Dwarf_Die skeleton, Bytes split_lists)
    : RangeLists(sections, skeleton) {
  if (sizes_.version < kListsVersion) {
    lists_begin_ = number_in(skeleton, {DW_AT_GNU_ranges_base}).value_or(0);
    return;
  }
  lists_ = split_lists;
  offsets_begin_ = header_size(sizes_, 4);
  entries_left_ = 4 * std::uint64_t{lists_.size()} + 1024;
}

const std::vector<CodeRange>& RangeLists::read(RangeListPlace place) {
  ranges_.clear();
  if (place.kind == RangeListPlace::Kind::none) return ranges_;
  std::optional<std::uint64_t> offset = lists_begin_ + place.value;
  if (place.kind == RangeListPlace::Kind::number) offset = offset_of(place.value);
  try {
    if (!offset || *offset >= lists_.size()) throw Error("a list of ranges is outside");
    ByteCursor cursor(lists_.subspan(*offset));
    if (sizes_.version < kListsVersion) {
      read_pairs(cursor);
    } else {
      read_entries(cursor);
    }
  } catch (const Error&) {
    is_damaged_ = true;
  }
  return ranges_;
}

std::optional<std::uint64_t> RangeLists::offset_of(std::uint64_t number) const {
  const std::uint64_t size = sizes_.offset_size;
  if (size == 0 || offsets_begin_ > lists_.size()) return std::nullopt;
  if (number >= (lists_.size() - offsets_begin_) / size) return std::nullopt;
  return offsets_begin_ + number_at(lists_.subspan(offsets_begin_), number, sizes_.offset_size);
}

void RangeLists::add(std::uint64_t low, std::uint64_t high) {
  if (low < high) ranges_.push_back({low, high});
}

std::uint64_t RangeLists::indexed(ByteCursor& cursor) const {
  const std::optional<std::uint64_t> address = addresses_[cursor.varint()];
  if (!address) cursor.fail("no such address");
  return *address;
}

// Before DWARF 5: two addresses each; the highest one in place of the first sets the base.
void RangeLists::read_pairs(ByteCursor& cursor) {
  const std::uint64_t highest = sizes_.address_size == 4 ? UINT32_MAX : UINT64_MAX;
  std::uint64_t base = base_;
  for (; entries_left_ > 0; --entries_left_) {
    const std::uint64_t first = address(cursor), second = address(cursor);
    if (first == 0 && second == 0) return;
    if (first == highest) {
      base = second;
    } else {
      add(base + first, base + second);
    }
  }
}

void RangeLists::read_entries(ByteCursor& cursor) {
  std::uint64_t base = base_;
  while (entries_left_ > 0 && read_entry(cursor, base)) --entries_left_;
}

bool RangeLists::read_entry(ByteCursor& cursor, std::uint64_t& base) {
  std::uint64_t low = 0, high = 0;
  switch (cursor.u8()) {
    case DW_RLE_end_of_list:
      return false;
    case DW_RLE_base_addressx:
      base = indexed(cursor);
      return true;
    case DW_RLE_base_address:
      base = address(cursor);
      return true;
    case DW_RLE_startx_endx:
      low = indexed(cursor);
      high = indexed(cursor);
      break;
    case DW_RLE_startx_length:
      low = indexed(cursor);
      high = low + cursor.varint();
      break;
    case DW_RLE_offset_pair:
      low = base + cursor.varint();
      high = base + cursor.varint();
      break;
    case DW_RLE_start_end:
      low = address(cursor);
      high = address(cursor);
      break;
    case DW_RLE_start_length:
      low = address(cursor);
      high = low + cursor.varint();
      break;
    default:
      cursor.fail("an unknown kind of range");
  }
  add(low, high);
  return true;
}

}  // namespace memtrace
