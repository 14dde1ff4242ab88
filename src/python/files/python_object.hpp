// Python objects in C++: owned references, and errors that Python has set already.
#pragma once

#include <Python.h>

#include <string>
#include <string_view>
#include <utility>

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

}  // namespace memtrace::python
