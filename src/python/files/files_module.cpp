// mtrace._files: snapshots that are in files, for the Python package.

#include <exception>
#include <new>
#include <string>

#include "mtrace/error.hpp"
#include "mtrace/read.hpp"
#include "mtrace/write.hpp"
#include "python/files/python_snapshot.hpp"

namespace memtrace::python {
namespace {

// Other threads of the program go on while a file is read or written.
class WithoutInterpreterLock {
 public:
  WithoutInterpreterLock() : thread_(PyEval_SaveThread()) {}
  ~WithoutInterpreterLock() { PyEval_RestoreThread(thread_); }
  WithoutInterpreterLock(const WithoutInterpreterLock&) = delete;
  WithoutInterpreterLock& operator=(const WithoutInterpreterLock&) = delete;

 private:
  PyThreadState* thread_;
};

std::string path_of(PyObject* argument) {
  PyObject* converted = nullptr;
  if (PyUnicode_FSConverter(argument, &converted) == 0) throw PythonError();
  const Object bytes(converted);
  return PyBytes_AsString(bytes.get());
}

PyObject* set_error(PyObject* type, const char* message) {
  PyObject* const text = PyUnicode_DecodeFSDefault(message);
  if (text != nullptr) {
    PyErr_SetObject(type, text);
    Py_DECREF(text);
  }
  return nullptr;
}

// What `work` returns, or null with a Python exception for each C++ exception. `error` is what an
// Error of the library becomes.
template <class Work>
PyObject* guarded(PyObject* error, const Work& work) {
  try {
    return work();
  } catch (const PythonError&) {
    return nullptr;
  } catch (const Error& problem) {
    return set_error(error, problem.what());
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  } catch (const std::exception& problem) {
    return set_error(PyExc_RuntimeError, problem.what());
  }
}

Snapshot read_unlocked(const std::string& path) {
  const WithoutInterpreterLock unlocked;
  return memtrace::read_snapshot(path);
}

void write_unlocked(const Snapshot& snapshot, const std::string& path) {
  const WithoutInterpreterLock unlocked;
  memtrace::write_snapshot(snapshot, path);
}

PyObject* read_snapshot(PyObject*, PyObject* path) {
  return guarded(PyExc_ValueError,
                 [&] { return to_python(read_unlocked(path_of(path))).release(); });
}

PyObject* write_rows(PyObject*, PyObject* arguments) {
  PyObject *path = nullptr, *metrics = nullptr, *tracebacks = nullptr, *functions = nullptr,
           *metadata = nullptr;
  if (PyArg_ParseTuple(arguments, "OOOOO:write_rows", &path, &metrics, &tracebacks, &functions,
                       &metadata) == 0) {
    return nullptr;
  }
  return guarded(PyExc_OSError, [&] {
    const Snapshot snapshot = from_python(metrics, tracebacks, functions, metadata);
    write_unlocked(snapshot, path_of(path));
    return Object::borrowed(Py_None).release();
  });
}

PyMethodDef methods[] = {
    {"read_snapshot", read_snapshot, METH_O,
     "read_snapshot($module, path, /)\n--\n\n"
     "What a snapshot file holds: (metrics, tracebacks, functions, metadata)."},
    {"write_rows", write_rows, METH_VARARGS,
     "Writes a snapshot file: (path, metrics, tracebacks, functions, metadata)."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "_files",
    "Snapshots that are in files, read and written by mtrace's library.",
    0,
    methods,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace
}  // namespace memtrace::python

// The name is Python's to choose.
PyMODINIT_FUNC PyInit__files() {  // NOLINT(readability-identifier-naming)
  return PyModuleDef_Init(&memtrace::python::definition);
}
