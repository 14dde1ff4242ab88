// How a unit writes where its code is, other than as one plain range.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "symbolize/dwarf_forms.hpp"
#include "symbolize/elf_file.hpp"

namespace memtrace {

// The addresses that a unit calls by their number (.debug_addr).
class AddressTable {
 public:
  AddressTable() = default;
  // `begin` is where the unit's own begin in the section.
  AddressTable(Bytes section, std::uint64_t begin, std::uint8_t address_size);

  [[nodiscard]] std::optional<std::uint64_t> operator[](std::uint64_t number) const;

 private:
  Bytes addresses_;
  std::uint8_t address_size_ = 0;
};

// What DW_AT_ranges says.
struct RangeListPlace {
  enum class Kind : std::uint8_t { none, offset, number };
  Kind kind = Kind::none;
  std::uint64_t value = 0;
};

// The sections of a file that tell where code is.
struct CodeSections {
  Bytes addresses;    // .debug_addr
  Bytes ranges;       // .debug_ranges
  Bytes range_lists;  // .debug_rnglists
};

// libdw reads them as well, but not for a unit that it did not split itself.
class RangeLists {
 public:
  // Of a whole unit.
  RangeLists(const CodeSections& sections, Dwarf_Die unit);
  // Of a split unit, whose own range lists are in `split_lists`, before DWARF 5 in its skeleton's
  // file.
  RangeLists(const CodeSections& sections, Dwarf_Die skeleton, Bytes split_lists);

  [[nodiscard]] const AddressTable& addresses() const { return addresses_; }
  // Until the next call. Ranges before the place where a list is damaged count.
  const std::vector<CodeRange>& read(RangeListPlace place);
  [[nodiscard]] bool is_damaged() const { return is_damaged_; }

 private:
  void read_pairs(ByteCursor& cursor);
  void read_entries(ByteCursor& cursor);
  // False at the end of a list.
  bool read_entry(ByteCursor& cursor, std::uint64_t& base);
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::uint64_t number) const;
  void add(std::uint64_t low, std::uint64_t high);
  std::uint64_t address(ByteCursor& cursor) const { return cursor.fixed(sizes_.address_size); }
  std::uint64_t indexed(ByteCursor& cursor) const;

  FormSizes sizes_;
  AddressTable addresses_;
  Bytes lists_;
  std::uint64_t lists_begin_ = 0;    // what offsets count from
  std::uint64_t offsets_begin_ = 0;  // what numbers count from
  std::uint64_t base_ = 0;           // the address that ranges are relative to at first
  std::uint64_t entries_left_ = 0;   // so that damaged lists cannot keep us for ever
  std::vector<CodeRange> ranges_;
  bool is_damaged_ = false;
};

}  // namespace memtrace
