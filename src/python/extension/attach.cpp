// What libmtrace_rt calls where it finds CPython in a process that is traced.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "python/extension/attach.hpp"
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

bool take_snapshot_at_exit() {
  const Untraced untraced;
  const Reference module(PyImport_ImportModule("atexit"));
  const Reference function(PyCFunction_New(&last_snapshot, nullptr));
  const Reference done(module && function
                           ? PyObject_CallMethod(module.get(), "register", "O", function.get())
                           : nullptr);
  return static_cast<bool>(done);
}

}  // namespace memtrace::python

#define MTRACE_EXPORT extern "C" [[gnu::visibility("default")]]

// With the GIL held, if at all. false where the interpreter is not ready yet.
MTRACE_EXPORT bool mtrace_python_attach() {
  const PyThreadState* const thread = memtrace::python::current_thread();
  if (thread == nullptr || thread->interp != PyInterpreterState_Main()) return false;
  if (mtrace_interpreter_support()->layout != memtrace::runtime::kSupportLayout) return true;
  memtrace::python::keep_hooks();
  if (!memtrace::python::install_hooks()) return false;
  // Its own tracemalloc begins before that, where its environment says so.
  if (Py_IsInitialized() == 0) return false;
  memtrace::python::follow_or_say();
  return true;
}

MTRACE_EXPORT void mtrace_python_program_begins() {
  if (!memtrace::python::take_snapshot_at_exit()) PyErr_Clear();
}
