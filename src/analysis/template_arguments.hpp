// Names of functions without the arguments of templates and generics.
#pragma once

#include <string>
#include <string_view>

namespace memtrace {

// The same for all instances of a C++ template or a generic function of Rust:
// "Table<int>::put(int const&)" is "Table::put". Parameters go where the function or its class is
// an instance, because they differ then; elsewhere they stay, without arguments of their own:
// "draw(std::vector const&)". Names in which brackets have another meaning ("operator<<",
// "operator->", "{lambda(int)#1}", Rust's "<A as B>::c", Python's "<module>") keep those. What does
// not look like a name at all is returned as it is.
std::string without_template_arguments(std::string_view function);

}  // namespace memtrace
