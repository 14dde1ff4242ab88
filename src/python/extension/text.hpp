// Python's strings as the tracer's text, UTF-8 in which lone surrogates are allowed, and back.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string_view>

namespace memtrace::python {

// ASCII is used where it lies. Others are put into `room`, of SourceDescription::kRoom bytes; what
// does not fit is cut. Allocates nothing, needs no GIL. "<unknown>" of what is no string.
std::string_view utf8_of(PyObject* string, char* room);

// A new reference, or nullptr with an exception.
PyObject* string_of(std::string_view text);

}  // namespace memtrace::python
