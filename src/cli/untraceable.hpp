// Programs into which nothing can be preloaded.
#pragma once

#include <string>

namespace memtrace {

// Why the program that a shell would find as `name` cannot be traced ("it is statically linked");
// empty where nothing speaks against it.
std::string why_untraceable(const std::string& name);

// Whether Go's own linker made the program. Such a one ends without telling the C library.
bool is_go_program(const std::string& name);

}  // namespace memtrace
