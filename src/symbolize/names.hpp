// Text for the model, from many threads: the names that programmers gave.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "mtrace/ids.hpp"

namespace memtrace {

// C++ (without the return type that functions made from templates have) and Rust (without hashes).
// Anything else is returned as it is. Symbol versions ("@GLIBC_2.2.5") and what compilers append to
// copies of a function (".constprop.0") are cut off.
std::string demangled(const char* symbol);

// Remembers demangled names: a function in a header is in most of a program's units.
class Names {
 public:
  using Intern = std::function<StringId(std::string_view)>;

  // `intern` is called by one thread at a time.
  explicit Names(Intern intern) : intern_(std::move(intern)) {}

  StringId text(std::string_view text);
  // The name that the programmer gave the function.
  StringId function(const char* symbol);

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  std::mutex mutex_;  // for all that follows
  Intern intern_;
  std::unordered_map<std::string, StringId, Hash, std::equal_to<>> functions_;
};

}  // namespace memtrace
