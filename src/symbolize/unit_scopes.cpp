#include "symbolize/unit_scopes.hpp"

#include <dwarf.h>

#include <algorithm>
#include <utility>

namespace memtrace {
namespace {

// Codes count up from 1 in what compilers write.
constexpr unsigned kMostAbbreviations = 1 << 20;
constexpr std::size_t kMostAttributes = 1 << 10;

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
         name == DW_AT_sibling || name == DW_AT_abstract_origin || name == DW_AT_call_file ||
         name == DW_AT_call_line;
}

}  // namespace

DieReader::DieReader(Dwarf_Die unit, AddressTable addresses) : unit_(unit), addresses_(addresses) {
  Dwarf* const dwarf = dwarf_cu_getdwarf(unit.cu);
  die_offset_ = dwarf_dieoffset(&unit_);
  unit_offset_ = die_offset_ - dwarf_cuoffset(&unit_);
  Dwarf_Off end = 0;
  std::size_t header = 0;
  Dwarf_Half version = 0;
  std::uint8_t address_size = 0, offset_size = 0;
  if (dwarf_next_unit(dwarf, unit_offset_, &end, &header, &version, nullptr, &address_size,
                      &offset_size, nullptr, nullptr) != 0 ||
      end <= die_offset_) {
    is_damaged_ = true;
    return;
  }
  sizes_ = {version, address_size, offset_size};
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
      const std::uint32_t bytes = sizes_.of(form);
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

// Another DIE of the unit, by its offset from the unit's header; nullptr where it is elsewhere.
DieReader::Position DieReader::referred(const Abbreviation::Step& step, ByteCursor value) const {
  std::uint64_t offset = 0;
  if (is_unit_reference(step.form)) {
    offset = value.fixed(step.size);
  } else if (step.form == DW_FORM_ref_udata) {
    offset = value.varint();
  } else {
    return nullptr;
  }
  const std::uint64_t header = die_offset_ - unit_offset_;
  const bool is_inside =
      offset >= header && offset - header <= static_cast<std::uint64_t>(end_ - begin_);
  return is_inside ? begin_ + (offset - header) : nullptr;
}

std::uint32_t DieReader::small_number(const Abbreviation::Step& step, ByteCursor value) {
  std::uint64_t number = 0;
  if (step.form == DW_FORM_implicit_const) {
    number = step.constant;
  } else if (is_constant(step.form)) {
    number = value.fixed(step.size);
  } else if (step.form == DW_FORM_udata) {
    number = value.varint();
  }
  return number > UINT32_MAX ? 0 : static_cast<std::uint32_t>(number);
}

void DieReader::note_low(const Abbreviation::Step& step, ByteCursor value, Die& die) const {
  // DW_FORM_addrx1 and the like have a size, DW_FORM_addrx has none.
  const std::uint64_t number = step.size != kVaries ? value.fixed(step.size) : value.varint();
  const std::optional<std::uint64_t> address =
      step.form == DW_FORM_addr ? number : addresses_[number];
  die.has_low = address.has_value();
  die.low = address.value_or(0);
}

// Of the end, or of the size: then read() adds the beginning.
void DieReader::note_high(const Abbreviation::Step& step, ByteCursor value, Die& die) {
  die.is_high_address = step.form == DW_FORM_addr;
  if (is_constant(step.form) || die.is_high_address) {
    die.high = value.fixed(step.size);
  } else if (step.form == DW_FORM_udata) {
    die.high = value.varint();
  } else {
    return;
  }
  die.has_high = true;
}

void DieReader::note_ranges(const Abbreviation::Step& step, ByteCursor value, Die& die) {
  if (step.form == DW_FORM_rnglistx) {
    die.ranges = {RangeListPlace::Kind::number, value.varint()};
  } else if (step.form == DW_FORM_sec_offset || is_constant(step.form)) {
    die.ranges = {RangeListPlace::Kind::offset, value.fixed(step.size)};
  }
}

void DieReader::note(const Abbreviation::Step& step, const ByteCursor& value, Die& die) const {
  switch (step.name) {
    case DW_AT_sibling:
      die.sibling = referred(step, value);
      break;
    case DW_AT_abstract_origin:
      die.origin = referred(step, value);
      break;
    case DW_AT_call_file:
      die.call_file = small_number(step, value);
      break;
    case DW_AT_call_line:
      die.call_line = small_number(step, value);
      break;
    case DW_AT_low_pc:
      note_low(step, value, die);
      break;
    case DW_AT_high_pc:
      note_high(step, value, die);
      break;
    default:
      note_ranges(step, value, die);
  }
}

DieReader::Position DieReader::first_child() {
  Position position = begin_;
  if (begin_ == nullptr) return nullptr;
  const std::optional<Die> unit = read(position);
  return unit && unit->abbreviation->has_children ? position : nullptr;
}

std::optional<DieReader::Die> DieReader::read(Position& position) {
  ByteCursor cursor({position, end_});
  try {
    const std::optional<Die> die = read_die(cursor);
    position = cursor.position();
    return die;
  } catch (const Error&) {
    is_damaged_ = true;
    position = end_;
    return std::nullopt;
  }
}

std::optional<DieReader::Die> DieReader::read_die(ByteCursor& cursor) const {
  Die die;
  die.at = cursor.position();
  const std::uint64_t code = cursor.varint();
  if (code == 0) return std::nullopt;
  if (code >= abbreviations_.size() || abbreviations_[code].tag == 0) cursor.fail("no such code");
  die.abbreviation = &abbreviations_[code];
  for (const Abbreviation::Step& step : die.abbreviation->steps) {
    const ByteCursor value = cursor;
    sizes_.skip(step.form, step.size, cursor);
    if (step.name != 0) note(step, value, die);
  }
  die.behind = cursor.position();
  if (!die.is_high_address) die.high += die.low;
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

namespace {

constexpr int kDeepestScope = 200;
// How often an address may be inside of something: far more than the deepest inlining.
constexpr std::uint64_t kMostMarks = 4096;

}  // namespace

UnitScopes::UnitScopes(Dwarf_Die unit, RangeLists ranges, std::span<const std::uint64_t> addresses,
                       Search search)
    : addresses_(addresses),
      ranges_(std::move(ranges)),
      reader_(unit, ranges_.addresses()),
      innermost_(addresses.size(), kNoScope),
      thorough_(search == Search::thorough),
      marks_((addresses.size() + 1) * kMostMarks) {
  const Position begin = reader_.first_child();
  if (begin != nullptr) walk(begin, kNoScope, 0);
}

UnitScopes::Position UnitScopes::walk(Position position, std::uint32_t enclosing, int depth) {
  while (!reader_.at_end(position)) {
    const std::optional<DieReader::Die> die = reader_.read(position);
    if (!die) break;
    position =
        depth < kDeepestScope ? visit(*die, enclosing, depth + 1) : reader_.behind_children(*die);
  }
  return position;
}

UnitScopes::Position UnitScopes::visit(const DieReader::Die& die, std::uint32_t enclosing,
                                       int depth) {
  if (!die.abbreviation->has_children && die.abbreviation->tag != DW_TAG_subprogram &&
      die.abbreviation->tag != DW_TAG_inlined_subroutine) {
    return die.behind;
  }
  switch (die.abbreviation->tag) {
    case DW_TAG_subprogram:
      return visit_scope(die, kNoScope, depth);
    case DW_TAG_inlined_subroutine:
      return visit_scope(die, enclosing, depth);
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
    case DW_TAG_with_stmt:
      if (!thorough_ && claim(die, kNoScope) == Claim::nothing) break;
      return walk(die.behind, enclosing, depth);
    case DW_TAG_namespace:
    case DW_TAG_module:
      return walk(die.behind, kNoScope, depth);
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_interface_type:
      // Older Rust compilers put functions here.
      if (!thorough_) break;
      return walk(die.behind, kNoScope, depth);
    default:
      break;
  }
  return reader_.behind_children(die);
}

UnitScopes::Position UnitScopes::visit_scope(const DieReader::Die& die, std::uint32_t caller,
                                             int depth) {
  const auto scope = static_cast<std::uint32_t>(scopes_.size());
  const bool has_children = die.abbreviation->has_children;
  if (claim(die, scope) == Claim::some) {
    scopes_.push_back({die.at, die.origin, caller, die.call_file, die.call_line});
    return has_children ? walk(die.behind, scope, depth) : die.behind;
  }
  // Functions inside of functions are looked for only where all else failed.
  return thorough_ && has_children ? walk(die.behind, kNoScope, depth)
                                   : reader_.behind_children(die);
}

UnitScopes::Claim UnitScopes::claim(const DieReader::Die& die, std::uint32_t scope) {
  if (die.ranges.kind != RangeListPlace::Kind::none) {
    const std::vector<CodeRange>& ranges = ranges_.read(die.ranges);
    Claim result = ranges.empty() ? Claim::no_ranges : Claim::nothing;
    for (const CodeRange& range : ranges) {
      if (claim_range(range.low, range.high, scope)) result = Claim::some;
    }
    return result;
  }
  if (!die.has_low || !die.has_high) return Claim::no_ranges;
  return claim_range(die.low, die.high, scope) ? Claim::some : Claim::nothing;
}

bool UnitScopes::claim_range(std::uint64_t low, std::uint64_t high, std::uint32_t scope) {
  const auto begin = std::lower_bound(addresses_.begin(), addresses_.end(), low);
  auto address = begin;
  for (; address != addresses_.end() && *address < high && marks_ > 0; ++address, --marks_) {
    if (scope == kNoScope) return true;
    innermost_[static_cast<std::size_t>(address - addresses_.begin())] = scope;
  }
  return address != begin;
}

}  // namespace memtrace
