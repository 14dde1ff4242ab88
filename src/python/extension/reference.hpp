// A strong reference, for the length of a scope. With the GIL held.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <utility>

namespace memtrace::python {

class Reference {
 public:
  Reference() = default;
  // Takes it over; nullptr is an exception that somebody has set.
  explicit Reference(PyObject* object) : object_(object) {}
  ~Reference() { Py_XDECREF(object_); }
  Reference(Reference&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Reference& operator=(Reference&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  explicit operator bool() const { return object_ != nullptr; }
  [[nodiscard]] PyObject* get() const { return object_; }
  // For a caller, or a function that takes it over.
  [[nodiscard]] PyObject* release() { return std::exchange(object_, nullptr); }
  // One more.
  [[nodiscard]] PyObject* again() const {
    Py_XINCREF(object_);
    return object_;
  }

 private:
  PyObject* object_ = nullptr;
};

}  // namespace memtrace::python
