// What is traced, as Python objects. With the GIL held; a new reference, or nullptr with an
// exception.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>

namespace memtrace::python {

// [(domain, size, traceback, total_nframe)], a tuple a block.
PyObject* all_traces();
// (rows, tracebacks, functions), and, with metrics, those too: see _mtrace.pyi.
PyObject* all_rows(bool by_size, bool with_metrics);
// (traceback, total_nframe), or None.
PyObject* traceback_of_block(std::uint32_t domain, std::uintptr_t address);

}  // namespace memtrace::python
