// CPython 3.13 and later call a function for every new reference: the one in their only slot.
#include "python/extension/references.hpp"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX >= 0x030D0000

#include <array>
#include <cstddef>

#include "python/extension/new_object.hpp"
#include "python/extension/tracing.hpp"

namespace memtrace::python {
namespace {

// Who was in the slot before us, and is called by us. Who puts us back in the slot, with the data
// that were in it, puts back the one that we called then.
struct Behind {
  PyRefTracer tracer = nullptr;
  void* data = nullptr;
};
// Each once. The first is nobody.
std::array<Behind, 64> known_behind;
std::size_t known_count = 1;

NewObjects new_objects;
bool is_following = false;
bool has_ended = false;
// What the tracer behind us is being told of.
thread_local PyObject* told = nullptr;

[[gnu::noinline]] int on_known_reference(PyObject* object, PyRefTracerEvent event, void* data) {
  const Behind& behind = *static_cast<const Behind*>(data);
  const bool has_others = known_count > 1;
  // One that had found us in the slot calls us, too.
  if (has_others && told == object) return 0;
  if (event == PyRefTracer_CREATE && is_following) new_objects.tell(object);
  if (behind.tracer == nullptr || told != nullptr) [[likely]]
    return 0;
  told = object;
  const int result = behind.tracer(object, event, behind.data);
  told = nullptr;
  return result;
}

// Every object that comes or goes passes through here, and few matter.
int on_reference(PyObject* object, PyRefTracerEvent event, void* data) {
  if (known_count > 1) [[unlikely]]
    return on_known_reference(object, event, data);
  if (event != PyRefTracer_CREATE || !new_objects.matters(object)) return 0;
  return on_known_reference(object, event, data);
}

Behind* find_or_add(const Behind& wanted) {
  for (std::size_t i = 0; i < known_count; ++i) {
    if (known_behind[i].tracer == wanted.tracer && known_behind[i].data == wanted.data)
      return &known_behind[i];
  }
  if (known_count == known_behind.size()) return nullptr;
  known_behind[known_count] = wanted;
  return &known_behind[known_count++];
}

PyObject* program_starts(PyObject*, PyObject* const* arguments, Py_ssize_t count);
PyObject* program_stops(PyObject*, PyObject*);

std::array<TracemallocMethod, 2> methods = {
    {{"start", METH_FASTCALL,
      reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(program_starts))},
     {"stop", METH_NOARGS, program_stops}}};

PyObject* program_starts(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  PyObject* const result = methods[0].call(arguments, count);
  keep_references();
  return result;
}
PyObject* program_stops(PyObject*, PyObject*) {
  PyObject* const result = methods[1].call();
  // Where it was switched on before us, it has put back what was there then.
  if (is_following) hook_again();
  keep_references();
  return result;
}

void end() {
  has_ended = true;
  is_following = false;
}

}  // namespace

bool follow_references() {
  if (is_following) return true;
  const Untraced untraced;
  new_objects.prepare();
  // Without them its tracemalloc is noticed a little later.
  if (methods[0].definition == nullptr && replace_methods(methods)) Py_AtExit(end);
  is_following = true;
  keep_references();
  return true;
}

void keep_references() {
  if (!is_following || has_ended) return;
  Behind present;
  present.tracer = PyRefTracer_GetTracer(&present.data);
  if (present.tracer == on_reference) return;
  Behind* const behind = find_or_add(present);
  if (behind != nullptr) PyRefTracer_SetTracer(on_reference, behind);
}

void leave_references() {
  if (!is_following) return;
  is_following = false;
  void* data = nullptr;
  if (PyRefTracer_GetTracer(&data) != on_reference) return;
  const Behind& behind = *static_cast<const Behind*>(data);
  PyRefTracer_SetTracer(behind.tracer, behind.data);
}

}  // namespace memtrace::python

#endif
