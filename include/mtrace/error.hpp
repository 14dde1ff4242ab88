// The one error type of the analysis half.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "mtrace/export.hpp"

namespace memtrace {

// Something that the caller asked for cannot be done: a damaged input, an output that cannot be
// written, a wrong request. The message is one line in lower case that says what is wrong, where
// (byte offset or section), what was expected, and the remedy where there is one.
//
// Deep code does not know which file it reads, so the source is added on the way up, once.
class MTRACE_API Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}

  // "MESSAGE, at byte OFFSET"
  static Error at_byte(std::uint64_t offset, const std::string& message);

  // The same error, headed by the file (or "standard input") that it is about.
  [[nodiscard]] Error in(std::string_view source) const;
};

}  // namespace memtrace
