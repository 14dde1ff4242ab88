#include "cli/complaint.hpp"

#include <cstdio>
#include <string>

#include "render/escape.hpp"

namespace memtrace {

void complain(std::string_view message) {
  const std::string line = "mtrace: " + escaped(message) + "\n";
  static_cast<void>(std::fputs(line.c_str(), stderr));
}

}  // namespace memtrace
