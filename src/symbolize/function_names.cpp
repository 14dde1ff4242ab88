#include "symbolize/function_names.hpp"

#include <dwarf.h>

#include <string>

#include "symbolize/demangle.hpp"

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

std::string FunctionNames::find_name(Dwarf_Die& die) {
  if (const char* const linkage = linkage_name_of(die)) return demangled(linkage);
  const char* const name = dwarf_diename(&die);
  if (name == nullptr) return {};
  Dwarf_Die declaration = declaration_of(die);
  return has_scopes(declaration) ? scopes_.prefix_of(declaration) + name : name;
}

StringId FunctionNames::name_of(Dwarf_Die& function) {
  Dwarf_Die origin = function;
  Dwarf_Attribute attribute;
  if (dwarf_attr(&function, DW_AT_abstract_origin, &attribute) != nullptr) {
    dwarf_formref_die(&attribute, &origin);
  }
  const auto [place, is_new] = names_.try_emplace(origin.addr, kNone<StringId>);
  if (is_new) {
    const std::string name = find_name(origin);
    if (!name.empty()) place->second = intern_(name);
  }
  return place->second;
}

}  // namespace memtrace
