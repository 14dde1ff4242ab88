// The module _mtrace: what CPython's _tracemalloc offers, and more. _mtrace.pyi says what is what.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cerrno>

#include "mtrace/mtrace.h"
#include "python/extension/new_object.hpp"
#include "python/extension/reference.hpp"
#include "python/extension/traces.hpp"
#include "python/extension/tracing.hpp"
#include "runtime/interpreter/support.hpp"

namespace memtrace::python {
namespace {

const runtime::InterpreterSupport& support() {
  return *mtrace_interpreter_support();
}

// What start() was last given.
std::uint32_t frame_limit = 1;

// Mean bytes between the blocks that are traced: a number, or a text such as "512KiB"; None or 0:
// all are. false with an exception.
bool parse_sampling_rate(PyObject* sample, std::uint64_t& rate) {
  if (sample == nullptr || sample == Py_None) return true;
  const Untraced untraced;
  Reference size;
  if (PyUnicode_Check(sample)) {
    const Reference sizes(PyImport_ImportModule("mtrace.sizes"));
    if (!sizes) return false;
    size = Reference(PyObject_CallMethod(sizes.get(), "parse_size", "O", sample));
  } else {
    size = Reference(PyNumber_Index(sample));
  }
  if (!size) return false;
  const long long bytes = PyLong_AsLongLong(size.get());
  if (bytes == -1 && PyErr_Occurred() != nullptr) return false;
  if (bytes < 0) {
    PyErr_SetString(PyExc_ValueError, "the distance between samples must be in bytes, or 0");
    return false;
  }
  rate = static_cast<std::uint64_t>(bytes);
  return true;
}

PyObject* start(PyObject*, PyObject* arguments, PyObject* keywords) {
  static char nameless[] = "", native_name[] = "native", sample_name[] = "sample";
  static char* names[] = {nameless, native_name, sample_name, nullptr};
  int frames = 1, native = 0;
  PyObject* sample = nullptr;
  std::uint64_t rate = 0;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|i$pO:start", names, &frames, &native,
                                   &sample) ||
      !parse_sampling_rate(sample, rate)) {
    return nullptr;
  }
  if (frames < 1 || static_cast<std::uint32_t>(frames) > kMostFrames) {
    return PyErr_Format(PyExc_ValueError, "the number of frames must be in range [1; %u]",
                        kMostFrames);
  }
  const bool was_tracing = support().status().is_tracing;
  if (!start_tracing(static_cast<std::uint32_t>(frames), native != 0, rate)) {
    return PyErr_Occurred() != nullptr ? nullptr : PyErr_NoMemory();
  }
  if (!was_tracing) frame_limit = static_cast<std::uint32_t>(frames);
  Py_RETURN_NONE;
}

PyObject* stop(PyObject*, PyObject*) {
  stop_tracing();
  Py_RETURN_NONE;
}

PyObject* is_tracing(PyObject*, PyObject*) {
  return PyBool_FromLong(mtrace_is_tracing());
}

PyObject* clear_traces(PyObject*, PyObject*) {
  if (mtrace_is_tracing() != 0) mtrace_clear_traces();
  Py_RETURN_NONE;
}

PyObject* get_traced_memory(PyObject*, PyObject*) {
  std::uint64_t current = 0, peak = 0;
  if (mtrace_is_tracing() != 0) mtrace_get_traced_memory(&current, &peak);
  return Py_BuildValue("(KK)", current, peak);
}

PyObject* add_work(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count > 1) {
    return PyErr_Format(PyExc_TypeError, "add_work() takes at most 1 argument (%zd given)", count);
  }
  unsigned long long units = 1;
  if (count == 1) {
    const Reference number(PyNumber_Index(arguments[0]));
    if (number.get() == nullptr) return nullptr;
    units = PyLong_AsUnsignedLongLong(number.get());
    if (PyErr_Occurred() != nullptr) return nullptr;
  }
  mtrace_add_work(units);
  Py_RETURN_NONE;
}

PyObject* reset_peak(PyObject*, PyObject*) {
  if (mtrace_is_tracing() != 0) mtrace_reset_peak();
  Py_RETURN_NONE;
}

PyObject* get_traceback_limit(PyObject*, PyObject*) {
  const runtime::TraceStatus status = support().status();
  return PyLong_FromUnsignedLong(status.is_tracing ? status.frames : frame_limit);
}

PyObject* set_untraced(PyObject*, PyObject* untraced) {
  const int is_untraced = PyObject_IsTrue(untraced);
  if (is_untraced < 0) return nullptr;
  return PyBool_FromLong(support().set_untraced(is_untraced != 0) ? 1 : 0);
}

PyObject* has_native_frames(PyObject*, PyObject*) {
  return PyBool_FromLong(support().status().native ? 1 : 0);
}

PyObject* get_sampling_rate(PyObject*, PyObject*) {
  return PyLong_FromUnsignedLongLong(support().status().sampling_rate);
}

PyObject* set_label(PyObject*, PyObject* text) {
  Py_ssize_t size = 0;
  const char* const label = PyUnicode_AsUTF8AndSize(text, &size);
  if (label == nullptr) return nullptr;
  if (!support().set_label({label, static_cast<std::size_t>(size)}))
    return PyErr_Format(PyExc_ValueError, "label=%s: it is none, or there is no room for it",
                        label);
  Py_RETURN_NONE;
}

PyObject* get_tracemalloc_memory(PyObject*, PyObject*) {
  return PyLong_FromUnsignedLongLong(mtrace_get_tracer_memory());
}

PyObject* get_object_traceback(PyObject*, PyObject* object) {
  return traceback_of_block(runtime::kPythonDomain, block_of_object(object));
}

PyObject* get_block_traceback(PyObject*, PyObject* arguments) {
  unsigned domain = 0;
  unsigned long long address = 0;
  if (!PyArg_ParseTuple(arguments, "IK:_get_block_traceback", &domain, &address)) return nullptr;
  return traceback_of_block(domain, address);
}

PyObject* get_traces(PyObject*, PyObject*) {
  return all_traces();
}

PyObject* get_rows(PyObject*, PyObject* arguments) {
  int by_size = 1;
  if (!PyArg_ParseTuple(arguments, "|p:_get_rows", &by_size)) return nullptr;
  return all_rows(by_size != 0, false);
}

PyObject* get_snapshot(PyObject*, PyObject* arguments) {
  int by_size = 1;
  if (!PyArg_ParseTuple(arguments, "|p:_get_snapshot", &by_size)) return nullptr;
  return all_rows(by_size != 0, true);
}

PyObject* write_snapshot(PyObject*, PyObject* path) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(path, &bytes) == 0) return nullptr;
  const Reference owned(bytes);
  int error = 0;
  Py_BEGIN_ALLOW_THREADS;
  error = support().write_snapshot(PyBytes_AS_STRING(bytes));
  Py_END_ALLOW_THREADS;
  if (error == 0) Py_RETURN_NONE;
  if (error == ENODATA) {
    PyErr_SetString(PyExc_RuntimeError,
                    "the mtrace module must be tracing memory allocations to take a snapshot");
    return nullptr;
  }
  errno = error;
  return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
}

PyObject* track(PyObject*, PyObject* arguments) {
  unsigned domain = 0;
  unsigned long long address = 0, size = 0;
  if (!PyArg_ParseTuple(arguments, "IKK:_track", &domain, &address, &size)) return nullptr;
  if (mtrace_is_tracing() == 0) {
    PyErr_SetString(PyExc_RuntimeError, "the mtrace module must be tracing memory allocations");
    return nullptr;
  }
  if (mtrace_track(domain, address, size) == 0) return PyErr_NoMemory();
  Py_RETURN_NONE;
}

PyObject* untrack(PyObject*, PyObject* arguments) {
  unsigned domain = 0;
  unsigned long long address = 0;
  if (!PyArg_ParseTuple(arguments, "IK:_untrack", &domain, &address)) return nullptr;
  mtrace_untrack(domain, address);
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"start", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(start)),
     METH_VARARGS | METH_KEYWORDS,
     "start($module, nframe=1, /, *, native=False, sample=None)\n--\n\nStart tracing Python memory "
     "allocations.\n\nKeep up to nframe frames of each traceback; with native, those of C "
     "functions are between Python's. With sample, such as '512KiB', record one block per so many "
     "bytes and estimate the rest. Does nothing while tracing."},
    {"stop", stop, METH_NOARGS,
     "stop($module, /)\n--\n\nStop tracing and forget all that was traced."},
    {"is_tracing", is_tracing, METH_NOARGS,
     "is_tracing($module, /)\n--\n\nWhether memory allocations are traced."},
    {"clear_traces", clear_traces, METH_NOARGS,
     "clear_traces($module, /)\n--\n\nForget all traced blocks and go on tracing."},
    {"get_traced_memory", get_traced_memory, METH_NOARGS,
     "get_traced_memory($module, /)\n--\n\n(current, peak): bytes of traced blocks."},
    {"add_work", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(add_work)),
     METH_FASTCALL,
     "add_work($module, units=1, /)\n--\n\nAdd units of work that the program has done: requests, "
     "files, frames.\n\nSnapshots store the sum, and mtrace trend --per work gives growth per "
     "unit."},
    {"reset_peak", reset_peak, METH_NOARGS,
     "reset_peak($module, /)\n--\n\nMake the current size of traced blocks the peak."},
    {"get_traceback_limit", get_traceback_limit, METH_NOARGS,
     "get_traceback_limit($module, /)\n--\n\nThe most frames that are kept of a traceback."},
    {"get_tracemalloc_memory", get_tracemalloc_memory, METH_NOARGS,
     "get_tracemalloc_memory($module, /)\n--\n\nBytes that the tracer uses itself."},
    {"_get_object_traceback", get_object_traceback, METH_O,
     "_get_object_traceback($module, obj, /)\n--\n\n(frames, total_nframe) of an object's block, "
     "most recent frame first, or None."},
    {"_get_block_traceback", get_block_traceback, METH_VARARGS,
     "_get_block_traceback($module, domain, address, /)\n--\n\nThe same for the block at an "
     "address."},
    {"_get_traces", get_traces, METH_NOARGS,
     "_get_traces($module, /)\n--\n\n[(domain, size, frames, total_nframe)], a tuple a block."},
    {"_get_rows", get_rows, METH_VARARGS,
     "_get_rows($module, by_size=True, /)\n--\n\n(rows, tracebacks, functions): blocks counted by "
     "traceback, and by size."},
    {"_get_snapshot", get_snapshot, METH_VARARGS,
     "_get_snapshot($module, by_size=True, /)\n--\n\n(rows, tracebacks, functions, metrics), of "
     "one moment."},
    {"_has_native_frames", has_native_frames, METH_NOARGS,
     "_has_native_frames($module, /)\n--\n\nWhether those of C functions are between Python's."},
    {"_get_sampling_rate", get_sampling_rate, METH_NOARGS,
     "_get_sampling_rate($module, /)\n--\n\nBytes between two samples on average; 0: every block "
     "is "
     "traced, or none."},
    {"_set_label", set_label, METH_O,
     "_set_label($module, text, /)\n--\n\nNAME=VALUE, percent-encoded, of every snapshot that is "
     "written from now on."},
    {"_set_untraced", set_untraced, METH_O,
     "_set_untraced($module, untraced, /)\n--\n\nWhether what this thread allocates is the "
     "tracer's "
     "own; returns what was."},
    {"write_snapshot", write_snapshot, METH_O,
     "write_snapshot($module, path, /)\n--\n\nWrite a snapshot file, without an object per block."},
    {"_track", track, METH_VARARGS,
     "_track($module, domain, address, size, /)\n--\n\nTell of a block of another domain."},
    {"_untrack", untrack, METH_VARARGS,
     "_untrack($module, domain, address, /)\n--\n\nTell that it is gone."},
    {nullptr, nullptr, 0, nullptr},
};

int execute(PyObject* module) {
  if (support().layout != runtime::kSupportLayout) {
    PyErr_SetString(PyExc_ImportError, "libmtrace_rt.so is of another version than this module");
    return -1;
  }
  if (PyThreadState_GetInterpreter(PyThreadState_Get()) != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError, "mtrace traces the main interpreter only");
    return -1;
  }
  // The environment, or the program itself, has begun: Python's blocks are to be traced, too.
  if (support().status().is_tracing && !has_hooks()) {
    if (!install_hooks() || !take_snapshot_at_exit()) return -1;
  }
  const bool added =
      PyModule_AddIntConstant(module, "PYTHON_DOMAIN", runtime::kPythonDomain) == 0 &&
      PyModule_AddIntConstant(module, "NATIVE_DOMAIN", runtime::kNativeDomain) == 0 &&
      PyModule_AddIntConstant(module, "MMAP_DOMAIN", runtime::kMmapDomain) == 0 &&
      PyModule_AddStringConstant(module, "version", MTRACE_VERSION) == 0;
  return added ? 0 : -1;
}

PyModuleDef_Slot slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(execute)},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "_mtrace",
    "The tracer of memory allocations, as the package mtrace uses it.",
    0,
    methods,
    slots,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace
}  // namespace memtrace::python

// NOLINTNEXTLINE(readability-identifier-naming): CPython's name
PyMODINIT_FUNC PyInit__mtrace() {
  return PyModuleDef_Init(&memtrace::python::definition);
}
