// CPython, as the tracer sees it.
#pragma once

#include "runtime/stacks/interpreter_front_end.hpp"

namespace memtrace::python {

// With the GIL held, once: whose main interpreter's threads are looked at.
void remember_main_interpreter();

extern const runtime::FrontEnd kFrontEnd;

}  // namespace memtrace::python
