#include "symbolize/names.hpp"

#include <cstring>

#include "symbolize/demangle.hpp"

namespace memtrace {

namespace {

// Damaged files have names of gigabytes.
constexpr std::size_t kLongest = 16384;

}  // namespace

StringId Names::text(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  return intern_(text.substr(0, kLongest));
}

StringId Names::function(const char* symbol) {
  const std::string name(symbol, strnlen(symbol, kLongest));
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = functions_.find(std::string_view(name)); found != functions_.end())
      return found->second;
  }
  const std::string readable = demangled(name.c_str());
  const std::scoped_lock lock(mutex_);
  const StringId id = intern_(readable);
  functions_.emplace(name, id);
  return id;
}

}  // namespace memtrace
