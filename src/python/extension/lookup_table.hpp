// The table that CPython 3.9 to 3.12 look new references up in, and who looks: neither has a name.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030D0000

#include <cstdint>

#define Py_BUILD_CORE 1  // NOLINT: CPython's name
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <internal/pycore_hashtable.h>
#pragma GCC diagnostic pop
#undef Py_BUILD_CORE

namespace memtrace::python {

using LookupTable = _Py_hashtable_t;
using LookupEntry = _Py_hashtable_entry_t;
using LookUp = _Py_hashtable_get_entry_func;

// With tracemalloc on. Some variable of the interpreter's points to the table; it is found by what
// it holds and by being asked for a new object. nullptr where there is none such.
LookupTable* find_lookup_table();
// With the table empty: where the function begins that looks into it for a new reference. 0 where
// that is not certain.
std::uintptr_t find_lookup_function(LookupTable* table);

}  // namespace memtrace::python

#endif
