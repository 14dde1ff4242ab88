// From symbols to the names that programmers gave.
#pragma once

#include <string>

namespace memtrace {

// C++ (without the return type that functions made from templates have) and Rust (without hashes).
// Anything else is returned as it is. Symbol versions ("@GLIBC_2.2.5") and what compilers append to
// copies of a function (".constprop.0") are cut off.
std::string demangled(const char* symbol);

}  // namespace memtrace
