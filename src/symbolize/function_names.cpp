#include "symbolize/function_names.hpp"

#include <dwarf.h>

#include <algorithm>
#include <string>

namespace memtrace {
namespace {

constexpr int kDeepestNesting = 32;  // functions in classes in functions …

// Follows the attribute from one DIE to another: false where it has none.
bool follow(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Die target;
  if (dwarf_attr(&die, name, &attribute) == nullptr ||
      dwarf_formref_die(&attribute, &target) == nullptr) {
    return false;
  }
  die = target;
  return true;
}

// The DIE that stands where the programmer wrote the function: in its class or namespace.
Dwarf_Die declaration_of(Dwarf_Die die) {
  constexpr int kMostSteps = 16;  // damaged data may lead around in circles
  for (int i = 0; i < kMostSteps; ++i) {
    if (!follow(die, DW_AT_abstract_origin) && !follow(die, DW_AT_specification)) break;
  }
  return die;
}

}  // namespace

const std::vector<ScopeNames::Scope>& ScopeNames::scopes_in(Unit& unit,
                                                            DieReader::Position position) {
  const auto [place, is_new] = unit.scopes.try_emplace(position);
  std::vector<Scope>& scopes = place->second;
  if (!is_new) return scopes;
  while (const std::optional<DieReader::Die> die = unit.reader.read(position)) {
    if (!die->abbreviation->has_children) continue;
    position = unit.reader.behind_children(*die);
    scopes.push_back({die->at, die->behind, position});
  }
  return scopes;
}

ScopeNames::Unit& ScopeNames::unit_of(Dwarf_Die& die) {
  Dwarf_Die unit;
  if (dwarf_diecu(&die, &unit, nullptr, nullptr) == nullptr) unit = die;
  return units_.try_emplace(unit.addr, unit).first->second;
}

// A function's DIE need not stand where it was declared, then its whole name is not what is around.
std::string ScopeNames::written(Dwarf_Die& scope, int depth) {
  const char* const name = dwarf_diename(&scope);
  switch (dwarf_tag(&scope)) {
    case DW_TAG_namespace:
      return name == nullptr ? "(anonymous namespace)::" : name + std::string("::");
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
      return name == nullptr ? "" : name + std::string("::");
    case DW_TAG_subprogram: {
      Dwarf_Die declaration = declaration_of(scope);
      if (name == nullptr || depth == kDeepestNesting) return {};
      return prefix_of(declaration, depth + 1) + name + "::";
    }
    default:
      return {};
  }
}

std::string ScopeNames::prefix_of(Dwarf_Die& die, int depth) {
  std::string prefix;
  Unit& unit = unit_of(die);
  const auto* const at = static_cast<DieReader::Position>(die.addr);
  DieReader::Position children = unit.reader.first_child();
  while (children != nullptr && children <= at) {
    const std::vector<Scope>& scopes = scopes_in(unit, children);
    const auto behind =
        std::upper_bound(scopes.begin(), scopes.end(), at,
                         [](const void* place, const Scope& scope) { return place < scope.at; });
    if (behind == scopes.begin()) break;
    const Scope& scope = *std::prev(behind);
    Dwarf_Die opened;
    if (scope.at == at || scope.end <= at || !unit.reader.open(scope.at, opened)) break;
    const bool is_function = dwarf_tag(&opened) == DW_TAG_subprogram;
    if (is_function) prefix.clear();
    prefix += written(opened, depth);
    children = scope.children;
  }
  return prefix;
}

namespace {

const char* linkage_name_of(Dwarf_Die& die) {
  Dwarf_Attribute attribute;
  for (const unsigned name : {unsigned{DW_AT_linkage_name}, unsigned{DW_AT_MIPS_linkage_name}}) {
    if (dwarf_attr_integrate(&die, name, &attribute) == nullptr) continue;
    if (const char* const text = dwarf_formstring(&attribute)) return text;
  }
  return nullptr;
}

bool has_scopes(Dwarf_Die& die) {
  Dwarf_Die unit;
  if (dwarf_diecu(&die, &unit, nullptr, nullptr) == nullptr) return false;
  switch (dwarf_srclang(&unit)) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
    case DW_LANG_Rust:
      return true;
    default:
      return false;
  }
}

}  // namespace

StringId FunctionNames::find_name(Dwarf_Die& die) {
  if (const char* const linkage = linkage_name_of(die)) return names_.function(linkage);
  const char* const name = dwarf_diename(&die);
  if (name == nullptr) return kNone<StringId>;
  Dwarf_Die declaration = declaration_of(die);
  return names_.text(has_scopes(declaration) ? scopes_.prefix_of(declaration) + name : name);
}

StringId FunctionNames::name_of(const Scope& scope, const UnitScopes& scopes) {
  const void* const place = scope.origin != nullptr ? scope.origin : scope.at;
  const auto [known, is_new] = known_.try_emplace(place, kNone<StringId>);
  Dwarf_Die die;
  if (!is_new || !scopes.open(scope.origin != nullptr ? scope.origin : scope.at, die)) {
    return known->second;
  }
  Dwarf_Attribute attribute;
  Dwarf_Die origin;
  // In another unit.
  if (dwarf_attr(&die, DW_AT_abstract_origin, &attribute) != nullptr &&
      dwarf_formref_die(&attribute, &origin) != nullptr && origin.addr != place) {
    const auto [far, is_new_far] = known_.try_emplace(origin.addr, kNone<StringId>);
    if (is_new_far) far->second = find_name(origin);
    return known_[place] = far->second;
  }
  return known_[place] = find_name(die);
}

}  // namespace memtrace
