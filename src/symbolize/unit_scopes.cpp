#include "symbolize/unit_scopes.hpp"

#include <dwarf.h>

#include <algorithm>
#include <utility>

namespace memtrace {
namespace {

constexpr int kDeepest = 200;
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
    position = depth < kDeepest ? visit(*die, enclosing, depth + 1) : reader_.behind_children(*die);
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
    const std::vector<AddressRange>& ranges = ranges_.read(die.ranges);
    Claim result = ranges.empty() ? Claim::no_ranges : Claim::nothing;
    for (const AddressRange& range : ranges) {
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
