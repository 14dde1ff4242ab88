#include "symbolize/scope_names.hpp"

#include <dwarf.h>

#include <algorithm>

namespace memtrace {
namespace {

constexpr int kDeepest = 32;  // functions in classes in functions …

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

std::string written(Dwarf_Die& scope) {
  const char* const name = dwarf_diename(&scope);
  switch (dwarf_tag(&scope)) {
    case DW_TAG_namespace:
      return name == nullptr ? "(anonymous namespace)::" : name + std::string("::");
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
      return name == nullptr ? "" : name + std::string("::");
    default:
      return {};
  }
}

}  // namespace

Dwarf_Die declaration_of(Dwarf_Die die) {
  constexpr int kMostSteps = 16;  // damaged data may lead around in circles
  for (int i = 0; i < kMostSteps; ++i) {
    if (!follow(die, DW_AT_abstract_origin) && !follow(die, DW_AT_specification)) break;
  }
  return die;
}

const std::vector<ScopeNames::Child>& ScopeNames::children_of(Dwarf_Die& parent) {
  const auto [place, is_new] = children_.try_emplace(parent.addr);
  std::vector<Child>& children = place->second;
  Dwarf_Die die;
  if (!is_new || dwarf_child(&parent, &die) != 0) return children;
  while (true) {
    Dwarf_Die next;
    const bool is_last = dwarf_siblingof(&die, &next) != 0 || next.addr <= die.addr;
    if (dwarf_haschildren(&die) > 0) children.push_back({die, is_last ? nullptr : next.addr});
    if (is_last) return children;
    die = next;
  }
}

// A function's DIE need not stand where it was declared.
std::string ScopeNames::function_prefix(Dwarf_Die& function, int depth) {
  const char* const name = dwarf_diename(&function);
  Dwarf_Die declaration = declaration_of(function);
  if (name == nullptr || depth == kDeepest) return {};
  return prefix_of(declaration, depth + 1) + name + "::";
}

std::string ScopeNames::prefix_of(Dwarf_Die& die, int depth) {
  std::string prefix;
  Dwarf_Die scope;
  if (dwarf_diecu(&die, &scope, nullptr, nullptr) == nullptr) return prefix;
  while (scope.addr < die.addr) {
    const std::vector<Child>& children = children_of(scope);
    const auto behind =
        std::upper_bound(children.begin(), children.end(), die.addr,
                         [](const void* at, const Child& child) { return at < child.die.addr; });
    if (behind == children.begin()) break;
    const Child& child = *std::prev(behind);
    if (child.die.addr == die.addr || (child.end != nullptr && child.end <= die.addr)) break;
    scope = child.die;
    if (dwarf_tag(&scope) == DW_TAG_subprogram) {
      prefix = function_prefix(scope, depth);
    } else {
      prefix += written(scope);
    }
  }
  return prefix;
}

}  // namespace memtrace
