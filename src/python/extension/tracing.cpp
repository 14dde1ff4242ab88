#include "python/extension/tracing.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "python/extension/frame_access.hpp"
#include "python/extension/front_end.hpp"
#include "python/extension/reference.hpp"
#include "python/extension/references.hpp"
#include "runtime/interpreter/support.hpp"

// Weak: an interpreter may be built without it.
extern "C" [[gnu::weak]] PyObject* PyInit__tracemalloc();  // NOLINT: CPython's name

namespace memtrace::python {
namespace {

const runtime::InterpreterSupport& support() {
  return *mtrace_interpreter_support();
}

struct HookedDomain {
  PyMemAllocatorDomain domain;
  runtime::HookedAllocator allocator;
};
// In the order in which tracemalloc hooks them. Never moved: blocks outlive the tracing.
std::array<HookedDomain, 3> hooked_domains = {
    {{PYMEM_DOMAIN_RAW, {}}, {PYMEM_DOMAIN_MEM, {}}, {PYMEM_DOMAIN_OBJ, {}}}};
bool are_hooked = false;
bool stay_hooked = false;

runtime::InterpreterAllocator allocator_of(PyMemAllocatorDomain domain) {
  PyMemAllocatorEx allocator;
  PyMem_GetAllocator(domain, &allocator);
  return {allocator.ctx, allocator.malloc, allocator.calloc, allocator.realloc, allocator.free};
}

void set_allocator(PyMemAllocatorDomain domain, const runtime::InterpreterAllocator& allocator) {
  PyMemAllocatorEx copy = {allocator.context, allocator.allocate, allocator.allocate_zeroed,
                           allocator.resize, allocator.release};
  PyMem_SetAllocator(domain, &copy);
}

bool is_in_front(const HookedDomain& hooked) {
  return allocator_of(hooked.domain).allocate == support().hooks.allocate;
}

void put_in_front(HookedDomain& hooked) {
  runtime::InterpreterAllocator hooks = support().hooks;
  hooks.context = &hooked.allocator;
  set_allocator(hooked.domain, hooks);
}

// CPython's SMALL_REQUEST_THRESHOLD.
constexpr std::size_t kLargestPooled = 512;

// Not where its blocks are malloc's (PYTHONMALLOC=malloc), or a debugger's.
bool has_pools(const HookedDomain& hooked) {
  return hooked.domain != PYMEM_DOMAIN_RAW &&
         hooked.allocator.inner.allocate != hooked_domains.front().allocator.inner.allocate;
}

void hook(HookedDomain& hooked) {
  // Somebody who had hooked behind us may have put ours back.
  if (is_in_front(hooked)) return;
  hooked.allocator.inner = allocator_of(hooked.domain);
  hooked.allocator.holds_lock = hooked.domain != PYMEM_DOMAIN_RAW;
  hooked.allocator.pooled = has_pools(hooked) ? kLargestPooled : 0;
  put_in_front(hooked);
}

bool all_in_front() {
  return std::all_of(hooked_domains.begin(), hooked_domains.end(), is_in_front);
}

}  // namespace

bool install_hooks() {
  if (are_hooked) return true;
  if (PyThreadState_GetInterpreter(PyThreadState_Get()) != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_RuntimeError, "mtrace traces the main interpreter only");
    return false;
  }
  remember_main_interpreter();
  // Another copy of this library may have come first: its hooks do.
  if (!support().set_front_end(&kFrontEnd)) return true;
  for (HookedDomain& hooked : hooked_domains) hook(hooked);
  are_hooked = true;
  return true;
}

bool has_hooks() {
  return are_hooked;
}

void keep_hooks() {
  stay_hooked = true;
}

void hooks_to_front() {
  for (HookedDomain& hooked : hooked_domains) put_in_front(hooked);
}

void hook_again() {
  for (HookedDomain& hooked : hooked_domains) hook(hooked);
}

void follow_or_say() {
  static bool is_said = false;
  if (follow_references() || is_said) return;
  is_said = true;
  PySys_WriteStderr(
      "mtrace: this Python does not tell of objects that come from its free lists: they keep the "
      "line "
      "of the first that lay there\n");
}

bool start_tracing(std::uint32_t frames, bool native, std::uint64_t sampling_rate) {
  if (!install_hooks()) return false;
  if (are_hooked) follow_or_say();
  return support().start(frames, native, sampling_rate);
}

void stop_tracing() {
  support().stop();
  if (!are_hooked) return;
  leave_references();
  // Whoever has hooked in front of us goes on calling ours, and puts them back in the end.
  are_hooked = stay_hooked || !all_in_front();
  for (const HookedDomain& hooked : hooked_domains) {
    if (!are_hooked) set_allocator(hooked.domain, hooked.allocator.inner);
  }
  support().free_retired();
}

Untraced::Untraced() : was_(support().set_untraced(true)) {}

Untraced::~Untraced() {
  support().set_untraced(was_);
}

// --- CPython's own tracemalloc ---

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

// --- a program that is traced without having asked for it ---

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

// What libmtrace_rt calls where it finds CPython in a process that is traced.
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
