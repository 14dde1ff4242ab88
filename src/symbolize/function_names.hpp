// The names of functions in debug information.
#pragma once

#include <elfutils/libdw.h>

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "mtrace/ids.hpp"
#include "symbolize/scope_names.hpp"

namespace memtrace {

using Intern = std::function<StringId(std::string_view)>;

// Remembers what it was asked: the same function is inlined again and again.
class FunctionNames {
 public:
  explicit FunctionNames(Intern intern) : intern_(std::move(intern)) {}

  // `function` is a subprogram or an inlined subroutine. kNone where it has no name.
  StringId name_of(Dwarf_Die& function);

 private:
  std::string find_name(Dwarf_Die& die);

  Intern intern_;
  ScopeNames scopes_;
  std::unordered_map<const void*, StringId> names_;  // by the place of the DIE that has the name
};

}  // namespace memtrace
