// CPython's own tracemalloc, which a program may use while mtrace traces it. Both stand in front of
// the same allocators and want to know of the same references.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <span>

namespace memtrace::python {

// A function of the module _tracemalloc, and what the program calls in its place. Who has imported
// it has the same function: what is replaced is where it leads to.
struct TracemallocMethod {
  const char* name;
  int flags;
  PyCFunction replacement;
  PyMethodDef* definition = nullptr;
  PyCFunction original = nullptr;

  [[nodiscard]] PyObject* call() const { return original(nullptr, nullptr); }
  [[nodiscard]] PyObject* call(PyObject* argument) const { return original(nullptr, argument); }
  // Of one with METH_FASTCALL.
  [[nodiscard]] PyObject* call(PyObject* const* arguments, Py_ssize_t count) const;
};

// All of them, or none: false, without an exception, where this interpreter's are not as they are
// known. The module is made if it is not there, but not imported: no program sees it.
bool replace_methods(std::span<TracemallocMethod> methods);
void restore_methods(std::span<TracemallocMethod> methods);

}  // namespace memtrace::python
