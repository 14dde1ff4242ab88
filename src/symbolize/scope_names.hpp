// The namespaces, classes and functions that a function is declared in.
#pragma once

#include <elfutils/libdw.h>

#include <string>
#include <unordered_map>
#include <vector>

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
  struct Child {
    Dwarf_Die die;
    const void* end;  // where the next one begins; nullptr for the last one
  };

  std::string prefix_of(Dwarf_Die& die, int depth);
  std::string function_prefix(Dwarf_Die& function, int depth);
  // The children that have children themselves, in order.
  const std::vector<Child>& children_of(Dwarf_Die& parent);

  std::unordered_map<const void*, std::vector<Child>> children_;
};

}  // namespace memtrace
