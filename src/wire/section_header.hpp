// The 48 bytes in front of every section.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "wire/format.hpp"

namespace memtrace::wire {

using Front = std::array<std::uint8_t, kFrontSize>;

// The skippable frame: its own header and the section header.
Front encode_front(const SectionHeader& header);

// Whether these bytes begin a section of any version. Looks at the magic numbers only.
bool begins_section(std::span<const std::uint8_t> bytes);

// nullopt where a magic number or the check does not fit. Sizes are as the file claims them.
std::optional<SectionHeader> decode_front(const Front& front);

}  // namespace memtrace::wire
