// Sizes as people write them.
#pragma once

#include <cstdint>
#include <string_view>

namespace memtrace {

// "50KiB", "5M", "1.5 GiB", "1048576", "10 kB": bytes. A bare letter is binary (K = 1024), as are
// KiB, MiB, GiB, TiB; kB, MB, GB, TB are decimal. Throws Error.
std::int64_t parse_size(std::string_view text);

}  // namespace memtrace
