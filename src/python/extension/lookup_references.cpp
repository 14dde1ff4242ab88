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

#include <link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "python/extension/detour.hpp"
#include "python/extension/new_object.hpp"
#include "python/extension/reference.hpp"
#include "python/extension/tracemalloc_methods.hpp"
#include "python/extension/tracing.hpp"
#include "runtime/interpreter/support.hpp"

#define Py_BUILD_CORE 1  // NOLINT: CPython's name
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <internal/pycore_hashtable.h>
#if PY_VERSION_HEX < 0x030C0000
#include <internal/pycore_pymem.h>
#endif
#pragma GCC diagnostic pop
#undef Py_BUILD_CORE

// Weak: where one is missing, the others keep the rest of the tracer going.
extern "C" {
[[gnu::weak]] decltype(_Py_hashtable_hash_ptr) _Py_hashtable_hash_ptr;              // NOLINT
[[gnu::weak]] decltype(_Py_hashtable_compare_direct) _Py_hashtable_compare_direct;  // NOLINT
[[gnu::weak]] int _PyTraceMalloc_NewReference(PyObject* object);  // NOLINT: 3.9 exports it
#if PY_VERSION_HEX >= 0x030C0000
// By another name: CPython's header declares it, and forgets that it is C.
[[gnu::weak]] int tracemalloc_is_tracing() __asm__("_PyTraceMalloc_IsTracing");
#else
[[gnu::weak]] extern struct _PyTraceMalloc_Config _Py_tracemalloc_config;  // NOLINT
#endif
}

namespace memtrace::python {
namespace {

using Table = _Py_hashtable_t;
using Entry = _Py_hashtable_entry_t;
using LookUp = _Py_hashtable_get_entry_func;

struct References {
  bool are_followed = false;
  bool have_ended = false;  // with the interpreter
  // Tracemalloc is on for the program, and not for us alone.
  bool program_traces = false;
  // The program asks it for a traceback: that is no reference.
  bool is_asked = false;
  Table* table = nullptr;
  LookUp inner = nullptr;
  NewObjects new_objects;
  // The function that looks into the table for a new reference; 0 where it is not known.
  std::uintptr_t function = 0;
  Detour detour;
};
References references;

Entry* look_up(Table* table, const void* block) {
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
  kIsTracing,
  kStart,
  kStop,
  kMemory,
  kTraces,
  kTraceback,
  kLimit,
  kClear
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
  const Reference limit(methods[kLimit].call());
  PyObject* const arguments[] = {limit.get()};
  const bool is_on = limit && succeeds(methods[kStart].call(arguments, 1));
  if (!limit) PyErr_Clear();
  hooks_to_front();
  // What it had seen of that.
  if (!is_on || !succeeds(methods[kClear].call())) return false;
  if (references.function != 0)
    references.detour.set(references.function, reinterpret_cast<std::uintptr_t>(refer_to));
  return true;
}

void switch_off() {
  references.detour.clear();
  succeeds(methods[kStop].call());
  hooks_to_front();
}

// --- as the program sees it ---

PyObject* program_asks_whether(PyObject*, PyObject*) {
  return PyBool_FromLong(references.program_traces ? 1 : 0);
}

PyObject* program_starts(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (references.program_traces) return methods[kStart].call(arguments, count);
  switch_off();
  references.program_traces = true;
  PyObject* const result = methods[kStart].call(arguments, count);
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
  PyObject* const result = methods[kStop].call();
  // Where it was switched on before us, it has put back what was there then.
  hook_again();
  references.program_traces = false;
  switch_on();
  return result;
}

PyObject* program_asks_for_memory(PyObject*, PyObject*) {
  return references.program_traces ? methods[kMemory].call() : Py_BuildValue("(ii)", 0, 0);
}

PyObject* program_asks_for_traces(PyObject*, PyObject*) {
  return references.program_traces ? methods[kTraces].call() : PyList_New(0);
}

PyObject* program_asks_for_traceback(PyObject*, PyObject* object) {
  if (!references.program_traces) Py_RETURN_NONE;
  references.is_asked = true;
  PyObject* const result = methods[kTraceback].call(object);
  references.is_asked = false;
  return result;
}

// --- where the table is: some variable of the interpreter's points to it ---

// The kernel reads what it is asked to set a mask to before it sees that it is asked for nothing.
bool is_readable(std::uintptr_t address) {
  constexpr int kNothing = -1;
  return syscall(SYS_rt_sigprocmask, kNothing, address, nullptr, sizeof(std::uint64_t)) == 0 ||
         errno != EFAULT;
}

bool may_be_table(std::uintptr_t address) {
  if (address % alignof(std::max_align_t) != 0 || address < 4096) return false;
  if (!is_readable(address) || !is_readable(address + sizeof(Table) - sizeof(std::uint64_t)))
    return false;
  const auto* const table = reinterpret_cast<const Table*>(address);
  return table->hash_func == _Py_hashtable_hash_ptr &&
         table->compare_func == _Py_hashtable_compare_direct;
}

std::uintptr_t probed_block = 0;
LookUp probed_look_up = nullptr;
Entry* probe(Table* table, const void* block) {
  probed_block = reinterpret_cast<std::uintptr_t>(block);
  return probed_look_up(table, block);
}

// Whether a new object is looked up there.
bool has_references(Table* table) {
  probed_block = 0;
  probed_look_up = table->get_entry_func;
  table->get_entry_func = probe;
  const Reference object(PyList_New(0));
  table->get_entry_func = probed_look_up;
  return object && probed_block == block_of_object(object.get());
}

Table* find_table_in(std::uintptr_t begin, std::uintptr_t end) {
  const auto* const first = reinterpret_cast<const std::uintptr_t*>(begin);
  const std::span words(first, (end - begin) / sizeof(std::uintptr_t));
  for (const std::uintptr_t word : words) {
    if ((word >= begin && word < end) || !may_be_table(word)) continue;
    auto* const table = reinterpret_cast<Table*>(word);
    if (has_references(table)) return table;
  }
  return nullptr;
}

int find_table_of_module(dl_phdr_info* module, std::size_t, void* found) {
  const auto inside = reinterpret_cast<std::uintptr_t>(_Py_NewReference);
  const std::span headers(module->dlpi_phdr, module->dlpi_phnum);
  const auto has = [&](const ElfW(Phdr) & header, std::uintptr_t address) {
    return header.p_type == PT_LOAD &&
           address - module->dlpi_addr - header.p_vaddr < header.p_memsz;
  };
  bool is_interpreter = false;
  for (const auto& header : headers) is_interpreter = is_interpreter || has(header, inside);
  if (!is_interpreter) return 0;
  for (const auto& header : headers) {
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) == 0) continue;
    const std::uintptr_t begin = module->dlpi_addr + header.p_vaddr;
    Table* const table = find_table_in(begin, begin + header.p_memsz);
    if (table == nullptr) continue;
    *static_cast<Table**>(found) = table;
    break;
  }
  return 1;
}

Table* find_table() {
  Table* table = nullptr;
  dl_iterate_phdr(find_table_of_module, static_cast<void*>(&table));
  return table;
}

// --- the function that looks into it ---

// Where the first call in the code leads to that _Py_NewReference() begins with; 0: there is none.
std::uintptr_t called_by_new_reference() {
  if (_PyTraceMalloc_NewReference != nullptr)
    return reinterpret_cast<std::uintptr_t>(_PyTraceMalloc_NewReference);
  constexpr std::uint8_t kCall = 0xE8, kJump = 0xE9;
  constexpr std::size_t kLength = 48;
  const auto begin = reinterpret_cast<std::uintptr_t>(_Py_NewReference);
  const auto* const code = reinterpret_cast<const std::uint8_t*>(begin);
  for (std::size_t at = 0; at < kLength; ++at) {
    if (code[at] != kCall && code[at] != kJump) continue;
    std::int32_t distance = 0;
    std::memcpy(&distance, code + at + 1, sizeof distance);
    return begin + at + 1 + sizeof distance + static_cast<std::uintptr_t>(std::int64_t{distance});
  }
  return 0;
}

// Whether a call of the function is among those that `frame` is in.
bool is_on_stack(std::uintptr_t function, const void* frame) {
  constexpr std::size_t kWords = 32, kLength = 512;
  const std::span words(static_cast<const std::uintptr_t*>(frame), kWords);
  return std::any_of(words.begin(), words.end(),
                     [&](std::uintptr_t word) { return word - function < kLength; });
}

std::uintptr_t probed_function = 0;
Entry* probe_stack(Table*, const void*) {
  if (!is_on_stack(probed_function, __builtin_frame_address(0))) probed_function = 0;
  return nullptr;
}

// With the table empty. It is the right one if it is what calls.
std::uintptr_t find_function() {
  probed_function = called_by_new_reference();
  if (probed_function == 0) return 0;
  const LookUp inner = references.table->get_entry_func;
  references.table->get_entry_func = probe_stack;
  const Reference object(PyList_New(0));
  references.table->get_entry_func = inner;
  return probed_function;
}

// The table is gone, and tracemalloc has ended.
void end() {
  references.detour.clear();
  references.are_followed = false;
  references.have_ended = true;
}

bool begin() {
  if (!has_switch() || _Py_hashtable_hash_ptr == nullptr || _Py_hashtable_compare_direct == nullptr)
    return false;
  if (!replace_methods(methods)) return false;
  references.program_traces = is_switched_on();
  if (!references.program_traces && !switch_on()) return false;
  if (references.table != nullptr) return true;
  references.table = find_table();
  if (references.table == nullptr) return false;
  if (!references.program_traces) {
    references.function = find_function();
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
    if (methods[kStop].original == nullptr) return false;
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
