// Where the block of memory begins that an object lies in: what stands before the object, each
// version keeps differently.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstddef>
#include <cstdint>

namespace memtrace::python {

inline std::size_t size_before_object(PyTypeObject* type) {
  constexpr std::size_t kCollectorLinks = 2 * sizeof(std::uintptr_t);
  std::size_t size = PyType_IS_GC(type) ? kCollectorLinks : 0;
#if PY_VERSION_HEX >= 0x030C0000
  constexpr std::size_t kManaged = 2 * sizeof(PyObject*);
  if (PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF))
    size += kManaged;
#elif PY_VERSION_HEX >= 0x030B0000
  constexpr std::size_t kManaged = 2 * sizeof(PyObject*);
  if (PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT)) size += kManaged;
#endif
  return size;
}

inline std::uintptr_t block_of_object(PyObject* object) {
  return reinterpret_cast<std::uintptr_t>(object) - size_before_object(Py_TYPE(object));
}

}  // namespace memtrace::python
