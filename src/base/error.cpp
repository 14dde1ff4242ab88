#include "mtrace/error.hpp"

#include <fmt/format.h>

namespace memtrace {

Error Error::at_byte(std::uint64_t offset, const std::string& message) {
  return Error(fmt::format("{}, at byte {}", message, offset));
}

Error Error::in(std::string_view source) const {
  return Error(fmt::format("{}: {}", source, what()));
}

}  // namespace memtrace
