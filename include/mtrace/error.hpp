// The one error type of the analysis half.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "mtrace/export.hpp"

namespace memtrace {

// A request failed: the input is damaged, the output cannot be written, or the request is invalid.
// The message is one line in lower case that says what is wrong, where (byte offset or section),
// what was expected, and the remedy, if any.
//
// The code that finds an error often reads bytes without a name; a caller adds the file, once.
class MTRACE_API Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}

  // "MESSAGE, at byte OFFSET"
  static Error at_byte(std::uint64_t offset, const std::string& message);

  // The same error, headed by the file (or "standard input") that it is about.
  [[nodiscard]] Error in(std::string_view source) const;
};

}  // namespace memtrace
