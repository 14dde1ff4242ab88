// Frames as Valgrind's tools write them, in words.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mtrace/snapshot_builder.hpp"

namespace memtrace {

// "0x109219: leak(int) (heap.cpp:6)", "0x48417B4: malloc (in /usr/lib/x.so)", "0x401AB9F: ???".
struct ValgrindFrame {
  std::string_view address;                     // the digits behind "0x"
  std::string_view function, filename, module;  // empty: unknown
  std::uint32_t lineno = 0;
};

// None where it is no frame.
std::optional<ValgrindFrame> parse_valgrind_frame(std::string_view text);

// What calls it comes before. Frames that the compiler inlined have their caller's address.
FrameId add_frame(const ValgrindFrame& frame, const ValgrindFrame* caller,
                  TracebackBuilder& builder);

}  // namespace memtrace
