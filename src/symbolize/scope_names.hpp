// The namespaces, classes and functions that a function is declared in.
#pragma once

#include <elfutils/libdw.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "symbolize/die_reader.hpp"

namespace memtrace {

// The DIE that stands where the programmer wrote the function: in its class or namespace.
Dwarf_Die declaration_of(Dwarf_Die die);

// DIEs do not know their parents, so they are searched from the unit downwards. What is around one
// is around many: the children of each scope are listed once.
class ScopeNames {
 public:
  // "outer::inner::", or empty, for the DIE of a declaration.
  std::string prefix_of(Dwarf_Die& declaration) { return prefix_of(declaration, 0); }

 private:
  // A DIE that has children.
  struct Scope {
    DieReader::Position at, children, end;
  };
  struct Unit {
    explicit Unit(Dwarf_Die die) : reader(die) {}

    DieReader reader;
    std::unordered_map<const void*, std::vector<Scope>> scopes;  // by the place of their children
  };

  std::string prefix_of(Dwarf_Die& die, int depth);
  std::string written(Dwarf_Die& scope, int depth);
  Unit& unit_of(Dwarf_Die& die);
  // The scopes from `position` to the end of that list, in order.
  static const std::vector<Scope>& scopes_in(Unit& unit, DieReader::Position position);

  std::unordered_map<const void*, Unit> units_;  // by the place of their DIE
};

}  // namespace memtrace
