// What libmtrace_rt calls where it finds CPython in a process that is traced.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "python/extension/frame_access.hpp"
#include "python/extension/reference.hpp"
#include "python/extension/tracing.hpp"
#include "runtime/interpreter/support.hpp"

namespace memtrace::python {
namespace {

PyObject* take_last_snapshot(PyObject*, PyObject*) {
  mtrace_interpreter_support()->take_last_snapshot();
  Py_RETURN_NONE;
}

PyMethodDef last_snapshot = {"take_last_snapshot", take_last_snapshot, METH_NOARGS, nullptr};

}  // namespace
}  // namespace memtrace::python

#define MTRACE_EXPORT extern "C" [[gnu::visibility("default")]]

// With the GIL held, if at all. false where the interpreter is not ready yet.
MTRACE_EXPORT bool mtrace_python_attach() {
  const PyThreadState* const thread = memtrace::python::current_thread();
  if (thread == nullptr || thread->interp != PyInterpreterState_Main()) return false;
  if (mtrace_interpreter_support()->layout != memtrace::runtime::kSupportLayout) return true;
  return memtrace::python::install_hooks();
}

// The last snapshot is taken when the program has ended, before the interpreter takes itself apart:
// afterwards nothing of what the program held would be left. The first to be registered is the last
// to be called.
MTRACE_EXPORT void mtrace_python_program_begins() {
  using memtrace::python::Reference;
  const memtrace::python::Untraced untraced;
  const Reference module(PyImport_ImportModule("atexit"));
  const Reference function(PyCFunction_New(&memtrace::python::last_snapshot, nullptr));
  const Reference done(module && function
                           ? PyObject_CallMethod(module.get(), "register", "O", function.get())
                           : nullptr);
  if (!done) PyErr_Clear();
}
