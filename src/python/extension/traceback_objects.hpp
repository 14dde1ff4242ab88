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

class TracebackObjects {
 public:
  explicit TracebackObjects(const runtime::TracebackTables& tables) : tables_(tables) {}
  // Once, before anything else; false with an exception.
  bool allocate();

  // New references, or nullptr with an exception: ((filename, lineno), ...), most recent first, and
  // (function, ...) of the same frames.
  PyObject* frames(std::uint32_t node);
  PyObject* functions(std::uint32_t node);
  [[nodiscard]] std::uint32_t depth_of(std::uint32_t node) const;

 private:
  // Borrowed references.
  PyObject* text(std::uint32_t id);
  PyObject* module_name(std::uint32_t id);
  PyObject* frame(std::uint32_t location);
  PyObject* function(std::uint32_t location);
  PyObject* unknown_frames();

  runtime::TracebackTables tables_;
  ObjectTable texts_, modules_, frames_;
  Reference unknown_, empty_;
};

}  // namespace memtrace::python
