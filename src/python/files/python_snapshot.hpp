// Snapshots as Python objects, and back.
#pragma once

#include <Python.h>

#include <string>
#include <string_view>
#include <utility>

#include "mtrace/snapshot.hpp"

namespace memtrace::python {

// Python has an exception set: go back to it.
struct PythonError {};

// A reference that is given back. Never null.
class Object {
 public:
  // Takes the reference over; throws PythonError for null.
  explicit Object(PyObject* object) : object_(object) {
    if (object_ == nullptr) throw PythonError();
  }
  ~Object() { Py_XDECREF(object_); }
  Object(Object&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Object& operator=(Object&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  [[nodiscard]] PyObject* get() const { return object_; }
  [[nodiscard]] PyObject* release() { return std::exchange(object_, nullptr); }
  [[nodiscard]] Object another() const { return borrowed(object_); }
  // Takes a reference of its own.
  static Object borrowed(PyObject* object) {
    Py_XINCREF(object);
    return Object(object);
  }

 private:
  PyObject* object_;
};

// Text may hold lone surrogates, as snapshots do.
inline Object text(std::string_view value) {
  return Object(
      PyUnicode_DecodeUTF8(value.data(), static_cast<Py_ssize_t>(value.size()), "surrogatepass"));
}

inline std::string text_of(PyObject* object) {
  const Object bytes(PyUnicode_AsEncodedString(object, "utf-8", "surrogatepass"));
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes.get(), &data, &size) != 0) throw PythonError();
  return {data, static_cast<std::size_t>(size)};
}

// (metrics, tracebacks, functions, metadata), see read_snapshot() in _files.pyi. One tuple for each
// row, one for each traceback that has rows, without the frames of the allocation machinery.
Object to_python(Snapshot snapshot);

// The four arguments of write_rows() in _files.pyi. Throws PythonError where they have another
// shape, Error where their numbers are none of a snapshot.
Snapshot from_python(PyObject* rows, PyObject* tracebacks, PyObject* functions, PyObject* metadata);

}  // namespace memtrace::python
