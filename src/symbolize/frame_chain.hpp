// What an address turns out to be.
#pragma once

#include <cstdint>
#include <vector>

#include "mtrace/ids.hpp"

namespace memtrace {

struct SourceFrame {
  StringId filename = kNone<StringId>;
  std::uint32_t lineno = 0;
  StringId function = kNone<StringId>;
};

// Inlined calls, innermost first, and last the function whose code it is. Empty: nothing is known.
using FrameChain = std::vector<SourceFrame>;

}  // namespace memtrace
