// Tracebacks as tracemalloc's tuples, each node, line and name once. With the GIL held.
#pragma once

#include <cstddef>

#include "python/extension/reference.hpp"
#include "runtime/interpreter/support.hpp"

namespace memtrace::python {

// Zeroed pointers to objects, one for each of the tracer's items.
class ObjectTable {
 public:
  // Once; false with an exception.
  bool allocate(std::size_t size);
  ObjectTable() = default;
  ~ObjectTable();
  ObjectTable(const ObjectTable&) = delete;
  ObjectTable& operator=(const ObjectTable&) = delete;

  [[nodiscard]] PyObject*& operator[](std::size_t index) { return objects_[index]; }

 private:
  PyObject** objects_ = nullptr;
  std::size_t size_ = 0;
};

std::uint32_t depth_of(const runtime::TracebackTables& tables, std::uint32_t node);

// One traceback, ((filename, lineno), ...), most recent first: a new reference, or nullptr with an
// exception.
PyObject* frames_of(const runtime::TracebackTables& tables, std::uint32_t node);

// The same for many, whose frames and names are made once.
class TracebackObjects {
 public:
  explicit TracebackObjects(const runtime::TracebackTables& tables) : tables_(tables) {}
  // Once, before anything else; false with an exception.
  bool allocate();

  // New references, or nullptr with an exception; the functions are those of the same frames.
  PyObject* frames(std::uint32_t node);
  PyObject* functions(std::uint32_t node);

 private:
  // Borrowed references.
  PyObject* text(std::uint32_t id);
  PyObject* module_name(std::uint32_t id);
  PyObject* frame(std::uint32_t location);
  PyObject* function(std::uint32_t location);

  runtime::TracebackTables tables_;
  ObjectTable texts_, modules_, frames_;
  Reference unknown_, empty_;
};

}  // namespace memtrace::python
