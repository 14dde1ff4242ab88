// CPython 3.9 to 3.12 look each new reference's block up in the table of blocks that their own
// tracemalloc traces, where that is on: a table with a function of its own for looking up.
//
// Tracemalloc is switched on, out of the program's sight: its allocators are put aside at once, so
// that its table is empty, and what the module says and does is what it says where tracing is off.
// When the program switches it on, it is switched off first, and the table is its own: looked up as
// before, after us.
//
// That is all that it takes. But a look into the table costs a lock and a look at the clock, which
// together are as much as all else that a block costs. So, while the program has no use for the
// table, the one function that looks into it leads to ours, where the system allows that.
#include "python/extension/references.hpp"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030D0000

#include <array>
#include <cstddef>
#include <cstdint>

#include "python/extension/lookup_table.hpp"
#include "python/extension/new_object.hpp"
#include "python/extension/reference.hpp"
#include "python/extension/tracing.hpp"
#include "runtime/interpreter/support.hpp"

#if PY_VERSION_HEX < 0x030C0000
#define Py_BUILD_CORE 1  // NOLINT: CPython's name
#include <internal/pycore_pymem.h>
#undef Py_BUILD_CORE
#endif

// Weak: where it is missing, the rest of the tracer works.
extern "C" {
#if PY_VERSION_HEX >= 0x030C0000
// By another name: CPython's header declares it, and forgets that it is C.
[[gnu::weak]] int tracemalloc_is_tracing() __asm__("_PyTraceMalloc_IsTracing");
#else
[[gnu::weak]] extern struct _PyTraceMalloc_Config _Py_tracemalloc_config;  // NOLINT
#endif
}

namespace memtrace::python {
namespace {

struct References {
  bool are_followed = false;
  bool have_ended = false;  // with the interpreter
  // Tracemalloc is on for the program, and not for us alone.
  bool program_traces = false;
  // The program asks it for a traceback: that is no reference.
  bool is_asked = false;
  LookupTable* table = nullptr;
  LookUp inner = nullptr;
  NewObjects new_objects;
  // The function that looks into the table for a new reference; 0 where it is not known.
  std::uintptr_t function = 0;
  Detour detour;
};
References references;

LookupEntry* look_up(LookupTable* table, const void* block) {
  if (!references.is_asked) [[likely]]
    references.new_objects.tell(reinterpret_cast<std::uintptr_t>(block));
  return references.program_traces ? references.inner(table, block) : nullptr;
}

// In place of the function. What it returns, nobody looks at.
int refer_to(PyObject* object) {
  references.new_objects.tell(object);
  return -1;
}

// --- the module's functions ---

PyObject* program_asks_whether(PyObject*, PyObject*);
PyObject* program_starts(PyObject*, PyObject* const* arguments, Py_ssize_t count);
PyObject* program_stops(PyObject*, PyObject*);
PyObject* program_asks_for_memory(PyObject*, PyObject*);
PyObject* program_asks_for_traces(PyObject*, PyObject*);
PyObject* program_asks_for_traceback(PyObject*, PyObject* object);

enum Method : std::uint8_t {
  is_tracing_method,
  start_method,
  stop_method,
  memory_method,
  traces_method,
  traceback_method,
  limit_method,
  clear_method
};
std::array<TracemallocMethod, 8> methods = {
    {{"is_tracing", METH_NOARGS, program_asks_whether},
     {"start", METH_FASTCALL,
      reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(program_starts))},
     {"stop", METH_NOARGS, program_stops},
     {"get_traced_memory", METH_NOARGS, program_asks_for_memory},
     {"_get_traces", METH_NOARGS, program_asks_for_traces},
     {"_get_object_traceback", METH_O, program_asks_for_traceback},
     {"get_traceback_limit", METH_NOARGS, nullptr},
     {"clear_traces", METH_NOARGS, nullptr}}};

bool succeeds(PyObject* result) {
  const Reference owned(result);
  if (result == nullptr) PyErr_Clear();
  return result != nullptr;
}

// --- out of the program's sight ---

bool is_switched_on() {
#if PY_VERSION_HEX >= 0x030C0000
  return tracemalloc_is_tracing() != 0;
#else
  return _Py_tracemalloc_config.tracing != 0;
#endif
}

bool has_switch() {
#if PY_VERSION_HEX >= 0x030C0000
  return tracemalloc_is_tracing != nullptr;
#else
  return &_Py_tracemalloc_config != nullptr;
#endif
}

// Tracemalloc's own allocator, where it is on for us alone. It has nothing to allocate then but
// what others tell it of by PyTraceMalloc_Track(), which fails as it does where tracing is off.
// When tracemalloc ends it puts this in place of all others.
void* allocate_for_tracemalloc(void* context, std::size_t size) {
  const bool is_ours = references.are_followed && !references.program_traces;
  if (is_ours && is_switched_on()) return nullptr;
  return mtrace_interpreter_support()->hooks.allocate(context, size);
}

bool switch_on() {
  PyMemAllocatorEx ours, for_tracemalloc;
  PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &ours);
  for_tracemalloc = ours;
  for_tracemalloc.malloc = allocate_for_tracemalloc;
  PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &for_tracemalloc);
  const Reference limit(methods[limit_method].call());
  PyObject* const arguments[] = {limit.get()};
  const bool is_on = limit && succeeds(methods[start_method].call(arguments, 1));
  if (!limit) PyErr_Clear();
  hooks_to_front();
  // What it had seen of that.
  if (!is_on || !succeeds(methods[clear_method].call())) return false;
  if (references.function != 0)
    references.detour.set(references.function, reinterpret_cast<std::uintptr_t>(refer_to));
  return true;
}

void switch_off() {
  references.detour.clear();
  succeeds(methods[stop_method].call());
  hooks_to_front();
}

// --- as the program sees it ---

PyObject* program_asks_whether(PyObject*, PyObject*) {
  return PyBool_FromLong(references.program_traces ? 1 : 0);
}

PyObject* program_starts(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (references.program_traces) return methods[start_method].call(arguments, count);
  switch_off();
  references.program_traces = true;
  PyObject* const result = methods[start_method].call(arguments, count);
  if (result != nullptr) return result;
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  references.program_traces = false;
  switch_on();
  PyErr_Restore(type, value, traceback);
  return nullptr;
}

PyObject* program_stops(PyObject*, PyObject*) {
  if (!references.program_traces) Py_RETURN_NONE;
  PyObject* const result = methods[stop_method].call();
  // Where it was switched on before us, it has put back what was there then.
  hook_again();
  references.program_traces = false;
  switch_on();
  return result;
}

PyObject* program_asks_for_memory(PyObject*, PyObject*) {
  return references.program_traces ? methods[memory_method].call() : Py_BuildValue("(ii)", 0, 0);
}

PyObject* program_asks_for_traces(PyObject*, PyObject*) {
  return references.program_traces ? methods[traces_method].call() : PyList_New(0);
}

PyObject* program_asks_for_traceback(PyObject*, PyObject* object) {
  if (!references.program_traces) Py_RETURN_NONE;
  references.is_asked = true;
  PyObject* const result = methods[traceback_method].call(object);
  references.is_asked = false;
  return result;
}

// The table is gone, and tracemalloc has ended.
void end() {
  references.detour.clear();
  references.are_followed = false;
  references.have_ended = true;
}

bool begin() {
  if (!has_switch() || !replace_methods(methods)) return false;
  references.program_traces = is_switched_on();
  if (!references.program_traces && !switch_on()) return false;
  if (references.table != nullptr) return true;
  references.table = find_lookup_table();
  if (references.table == nullptr) return false;
  if (!references.program_traces) {
    references.function = find_lookup_function(references.table);
    if (references.function != 0)
      references.detour.set(references.function, reinterpret_cast<std::uintptr_t>(refer_to));
  }
  return true;
}

}  // namespace

bool follow_references() {
  if (references.are_followed || references.have_ended) return references.are_followed;
  const Untraced untraced;
  const bool is_first = references.table == nullptr;
  references.new_objects.prepare();
  if (!begin()) {
    references.have_ended = true;
    if (methods[stop_method].original == nullptr) return false;
    if (!references.program_traces) switch_off();
    restore_methods(methods);
    return false;
  }
  if (is_first) Py_AtExit(end);
  references.inner = references.table->get_entry_func;
  references.table->get_entry_func = look_up;
  references.are_followed = true;
  return true;
}

void leave_references() {
  if (!references.are_followed) return;
  references.are_followed = false;
  references.table->get_entry_func = references.inner;
  if (!references.program_traces) switch_off();
  restore_methods(methods);
}

// No event could be somebody else's.
void keep_references() {}

}  // namespace memtrace::python

#endif
