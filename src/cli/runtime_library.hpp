// Where the tracer is that a program has to load.
#pragma once

#include <string>

namespace memtrace {

// The path of libmtrace_rt.so: what MTRACE_RUNTIME says, or relative to this program, as it was
// built or installed. Throws Error where there is none, or where LD_PRELOAD cannot hold the path.
std::string runtime_library();

}  // namespace memtrace
