#include "python/extension/tracemalloc_methods.hpp"

#include <cstring>

#include "python/extension/reference.hpp"

// Weak: an interpreter may be built without it.
extern "C" [[gnu::weak]] PyObject* PyInit__tracemalloc();  // NOLINT: CPython's name

namespace memtrace::python {
namespace {

using FastFunction = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);

// Static, and the same for every module that is made of it.
PyMethodDef* methods_of_module() {
  if (PyInit__tracemalloc == nullptr) return nullptr;
  const Reference made(PyInit__tracemalloc());
  PyModuleDef* definition = nullptr;
  if (!made) {
    PyErr_Clear();
  } else if (PyModule_Check(made.get())) {
    definition = PyModule_GetDef(made.get());
  } else if (PyObject_TypeCheck(made.get(), &PyModuleDef_Type)) {
    definition = reinterpret_cast<PyModuleDef*>(made.again());
  }
  return definition == nullptr ? nullptr : definition->m_methods;
}

PyMethodDef* find(PyMethodDef* methods, const TracemallocMethod& wanted) {
  for (PyMethodDef* method = methods; method != nullptr && method->ml_name != nullptr; ++method) {
    if (std::strcmp(method->ml_name, wanted.name) == 0)
      return method->ml_flags == wanted.flags ? method : nullptr;
  }
  return nullptr;
}

}  // namespace

PyObject* TracemallocMethod::call(PyObject* const* arguments, Py_ssize_t count) const {
  const auto function = reinterpret_cast<FastFunction>(reinterpret_cast<void (*)()>(original));
  return function(nullptr, arguments, count);
}

bool replace_methods(std::span<TracemallocMethod> methods) {
  PyMethodDef* const all = methods_of_module();
  for (TracemallocMethod& method : methods) {
    method.definition = find(all, method);
    if (method.definition == nullptr) return false;
  }
  for (TracemallocMethod& method : methods) {
    method.original = method.definition->ml_meth;
    if (method.replacement != nullptr) method.definition->ml_meth = method.replacement;
  }
  return true;
}

void restore_methods(std::span<TracemallocMethod> methods) {
  for (TracemallocMethod& method : methods) method.definition->ml_meth = method.original;
}

}  // namespace memtrace::python
