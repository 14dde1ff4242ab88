// A snapshot as tuples for the Python package.
#pragma once

#include "mtrace/snapshot.hpp"
#include "python/files/python_object.hpp"

namespace memtrace::python {

// (metrics, tracebacks, functions, metadata), see read_snapshot() in _files.pyi. One tuple for each
// row, one for each traceback that has rows, without the frames of the allocation machinery.
Object to_python(Snapshot snapshot);

}  // namespace memtrace::python
