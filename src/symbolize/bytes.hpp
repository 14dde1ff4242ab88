// The content of a section.
#pragma once

#include <cstdint>
#include <span>

namespace memtrace {

using Bytes = std::span<const std::uint8_t>;

}  // namespace memtrace
