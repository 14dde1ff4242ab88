// Whose code a frame is: what can be told from file names, module names and function names.
#pragma once

#include <string_view>

namespace memtrace {

// The Python package (or top-level module) that a file belongs to, where its path says so: below
// site-packages, dist-packages, or the standard library; "<frozen NAME>". Empty otherwise. A view
// into `filename`.
std::string_view package_of(std::string_view filename);

// Nobody's own code: system headers and libraries, tool chains, the language's standard library,
// installed packages, "<frozen …>".
bool is_system_filename(std::string_view filename);
bool is_system_module(std::string_view module);
// What the C library puts into every program: where it begins.
bool is_program_entry(std::string_view function);

// CPython itself, by the file name of a shared object or a program, and what C functions are called
// through (ctypes, cffi): between the frames of a Python program, their frames say nothing.
bool is_interpreter_module(std::string_view module);

// The allocation machinery: functions that stand between the line that wants memory and the
// allocator. `function` is a native function's demangled name.
bool is_allocation_machinery(std::string_view function);

// A shared object that is an allocator, or that a profiler puts in front of one: whoever looks at
// stacks from inside it sees it on all of them.
bool is_allocator_module(std::string_view module);
// The second, wider class: what containers and strings of the C++ and Rust standard libraries
// consist of. Their memory is asked for by whoever uses them.
bool is_container_internal(std::string_view function);
// The same by file: headers of the C++ standard library, sources of Rust's `alloc` and `core` and
// of its hash tables. What is compiled from there has many names, and is in the user's own program.
bool is_container_source(std::string_view filename);
// Files of mtrace's Python package that run a program, or a test: it would be the oldest otherwise.
bool is_program_runner(std::string_view filename);
// Python's own, which run the runner.
bool is_module_runner(std::string_view filename);

}  // namespace memtrace
