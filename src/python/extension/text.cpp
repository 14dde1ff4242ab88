#include "python/extension/text.hpp"

#include "runtime/stacks/interpreter_front_end.hpp"

// Until 3.11 the macros below are C's.
#pragma GCC diagnostic ignored "-Wold-style-cast"

namespace memtrace::python {
namespace {

// One code point, of at most four bytes.
char* put(char* to, Py_UCS4 point) {
  const auto byte = [](Py_UCS4 bits) { return static_cast<char>(bits); };
  const auto rest = [&](unsigned shift) { return byte(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) {
    *to++ = byte(point);
  } else if (point < 0x800) {
    *to++ = byte(0xC0 | point >> 6);
    *to++ = rest(0);
  } else if (point < 0x10000) {
    *to++ = byte(0xE0 | point >> 12);
    *to++ = rest(6);
    *to++ = rest(0);
  } else {
    *to++ = byte(0xF0 | point >> 18);
    *to++ = rest(12);
    *to++ = rest(6);
    *to++ = rest(0);
  }
  return to;
}

bool is_ready(PyObject* string) {
#if PY_VERSION_HEX < 0x030C0000
  return PyUnicode_Check(string) && PyUnicode_IS_READY(string);
#else
  return PyUnicode_Check(string);
#endif
}

}  // namespace

std::string_view utf8_of(PyObject* string, char* room) {
  constexpr std::ptrdiff_t kLongest = 4;
  if (string == nullptr || !is_ready(string)) return "<unknown>";
  const auto kind = PyUnicode_KIND(string);
  const void* const data = PyUnicode_DATA(string);
  const Py_ssize_t length = PyUnicode_GET_LENGTH(string);
  if (PyUnicode_IS_COMPACT_ASCII(string) &&
      length <= static_cast<Py_ssize_t>(runtime::SourceDescription::kRoom) - kLongest) {
    return {static_cast<const char*>(data), static_cast<std::size_t>(length)};
  }
  const char* const end = room + runtime::SourceDescription::kRoom - kLongest;
  char* to = room;
  for (Py_ssize_t i = 0; i < length && to < end; ++i) to = put(to, PyUnicode_READ(kind, data, i));
  return {room, static_cast<std::size_t>(to - room)};
}

PyObject* string_of(std::string_view text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogatepass");
}

}  // namespace memtrace::python
