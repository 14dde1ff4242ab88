// The names of functions in debug information.
#pragma once

#include <elfutils/libdw.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "mtrace/ids.hpp"
#include "symbolize/names.hpp"
#include "symbolize/unit_scopes.hpp"

namespace memtrace {

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

// Remembers what it was asked: the same function is inlined again and again.
class FunctionNames {
 public:
  explicit FunctionNames(Names& names) : names_(names) {}

  // kNone where it has no name.
  StringId name_of(const Scope& scope, const UnitScopes& scopes);

 private:
  StringId find_name(Dwarf_Die& die);

  Names& names_;
  ScopeNames scopes_;
  std::unordered_map<const void*, StringId> known_;  // by the place of the DIE
};

}  // namespace memtrace
