// Switching the tracing of Python's allocators on and off. With the GIL held.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <span>

namespace memtrace::python {

inline constexpr std::uint32_t kMostFrames = 65535;

// Puts the hooks in front of the three allocators, and the front end in its place. Nothing is
// traced by that. false, with an exception, where this interpreter cannot be traced.
bool install_hooks();
// Whether they are there: until stop_tracing().
bool has_hooks();
// They stay, and do nothing while tracing is off: libmtrace_rt needs them until the interpreter
// ends.
void keep_hooks();

// Somebody else has hooked the allocators: in front of ours, which go to the front; or by putting
// back what was there before ours, which go in front of that.
void hooks_to_front();
void hook_again();

// As follow_references(), and says in one line, once, where it cannot.
void follow_or_say();

// `native`: with the machine's frames between the interpreter's. `sampling_rate`: mean bytes
// between the blocks that are traced; 0: all are. false where there is no memory.
bool start_tracing(std::uint32_t frames, bool native, std::uint64_t sampling_rate);
void stop_tracing();

// The last snapshot, where the options ask for one, is taken when the program has ended, before the
// interpreter takes itself apart: afterwards nothing of what the program held would be left. The
// first to be registered is the last to be called. false with an exception.
bool take_snapshot_at_exit();

// Blocks that the calling thread allocates in its scope are not traced.
class Untraced {
 public:
  Untraced();
  ~Untraced();
  Untraced(const Untraced&) = delete;
  Untraced& operator=(const Untraced&) = delete;

 private:
  bool was_;
};

// --- CPython's own tracemalloc ---

// A program may use it while mtrace traces it. Both stand in front of the same allocators and want
// to know of the same references.

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
