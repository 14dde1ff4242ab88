// Sizes as people write and read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace memtrace {

// "50KiB", "5M", "1.5 GiB", "1048576", "10 kB": bytes. A bare letter is binary (K = 1024), as are
// KiB, MiB, GiB, TiB; kB, MB, GB, TB are decimal. Throws Error.
std::int64_t parse_size(std::string_view text);

// "1.2 MiB", "+50.0 KiB": three to five digits, as Python writes tracemalloc's sizes.
std::string size_text(std::int64_t bytes, bool with_plus = false);

}  // namespace memtrace
