// The names of functions in debug information.
#pragma once

#include <elfutils/libdw.h>

#include <unordered_map>

#include "mtrace/ids.hpp"
#include "symbolize/names.hpp"
#include "symbolize/scope_names.hpp"
#include "symbolize/unit_scopes.hpp"

namespace memtrace {

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
