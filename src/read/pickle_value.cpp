#include "read/pickle_value.hpp"

namespace memtrace {

std::string_view PickleValue::name() const {
  switch (kind()) {
    case Kind::word:
    case Kind::string:
      return "a string";
    case Kind::dump_class:
      return "a class";
    case Kind::empty_tuple:
      return "an empty tuple";
    case Kind::frame:
      return "a frame";
    case Kind::traceback:
      return "a traceback";
    case Kind::trace_list:
      return "a list";
    case Kind::trace_tuple:
      return "a tuple of traces";
    case Kind::dict:
      return "a dict";
    case Kind::object:
      return "an object";
    case Kind::number:
      return "a number";
    case Kind::large_trace:
    case Kind::trace:
      return "a trace";
  }
  return "nothing";
}

}  // namespace memtrace
