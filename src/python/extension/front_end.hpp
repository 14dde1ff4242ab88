// CPython, as the tracer sees it.
#pragma once

#include "runtime/tracer/front_end.hpp"

namespace memtrace::python {

// With the GIL held, once: whose main interpreter's threads are looked at.
void remember_main_interpreter();

extern const runtime::FrontEnd kFrontEnd;

// Lets go of the codes that nothing else keeps alive, or of all. With the GIL held; runs the
// destructors of codes.
void release_codes(bool all);

}  // namespace memtrace::python
