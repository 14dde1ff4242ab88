#include "symbolize/names.hpp"

#include "symbolize/demangle.hpp"

namespace memtrace {

StringId Names::text(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  return intern_(text);
}

StringId Names::function(const char* symbol) {
  const std::string_view name(symbol);
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = functions_.find(name); found != functions_.end()) return found->second;
  }
  const std::string readable = demangled(symbol);
  const std::scoped_lock lock(mutex_);
  const StringId id = intern_(readable);
  functions_.emplace(name, id);
  return id;
}

}  // namespace memtrace
