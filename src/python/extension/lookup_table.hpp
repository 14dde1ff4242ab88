// The table that CPython 3.9 to 3.12 look new references up in, and who looks: neither has a name.
// And how to lead who looks somewhere else.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030D0000

#include <array>
#include <cstddef>
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

// A function of the interpreter's that leads somewhere else for a while.
class Detour {
 public:
  constexpr Detour() = default;
  Detour(const Detour&) = delete;
  Detour& operator=(const Detour&) = delete;
  ~Detour() = default;

  // No thread may be at the function's begin. false where the system forbids to change code (a
  // policy against memory that is written and executed), or the function is not laid out as it must
  // be.
  bool set(std::uintptr_t function, std::uintptr_t target);
  void clear();
  [[nodiscard]] bool is_set() const { return function_ != 0; }

 private:
  // What is written at once: nobody ever runs a half of it.
  static constexpr std::size_t kBytes = 16;
  using Code = std::array<std::uint8_t, kBytes>;
  static bool write(std::uintptr_t function, const Code& code);

  std::uintptr_t function_ = 0;
  Code original_{};
};

}  // namespace memtrace::python

#endif
