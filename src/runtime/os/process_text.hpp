// Names that the kernel gives as bytes, as the text that a snapshot holds.
#pragma once

#include <cstddef>
#include <string_view>

namespace memtrace::runtime {

// Bytes that one byte of a name may become.
inline constexpr std::size_t kTextGrowth = 3;

// Copies `bytes` as UTF-8 and returns the size. What is none becomes a lone surrogate for each
// byte, as Python does it ("surrogateescape"): such a name can be told from every other one.
std::size_t copy_as_text(std::string_view bytes, char* text);

}  // namespace memtrace::runtime
