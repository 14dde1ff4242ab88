#include "symbolize/function_names.hpp"

#include <dwarf.h>

#include <string>

namespace memtrace {
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
