// From rules to rows.
#pragma once

#include <cstdint>

#include "runtime/unwind/frame_step.hpp"
#include "runtime/unwind/row_cache.hpp"

namespace memtrace::runtime {

// The row that says the same as `located`, RowKind::general where none does.
Row compile_row(const LocatedRules& located, std::uintptr_t address);

}  // namespace memtrace::runtime
