// The lines of a code's instructions.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>

namespace memtrace::python {

// 0: it has none. `offset` is in bytes. What was read of a code's table is remembered for the next
// instruction of it that is asked for, as long as `era` is the same; era 0: nothing is. One caller
// at a time.
std::uint32_t line_at(PyCodeObject* code, int offset, std::uint32_t era);

}  // namespace memtrace::python
