// The opposite of snapshot_to_python.hpp.
#pragma once

#include "mtrace/snapshot.hpp"
#include "python/files/python_object.hpp"

namespace memtrace::python {

// The four arguments of write_rows() in _files.pyi. Throws PythonError where they have another
// shape, Error where their numbers are none of a snapshot.
Snapshot from_python(PyObject* metrics, PyObject* tracebacks, PyObject* functions,
                     PyObject* metadata);

}  // namespace memtrace::python
