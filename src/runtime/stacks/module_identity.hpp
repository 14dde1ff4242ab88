// By what a module is known later: its path and its build id.
#pragma once

#include <climits>

#include "runtime/counters/snapshot_data.hpp"
#include "runtime/unwind/loaded_module.hpp"

namespace memtrace::runtime {

// An absolute path where the module has one; "linux-vdso.so.1" has none.
void read_module_path(const LoadedModule& module, char (&path)[PATH_MAX]);

// From the module's notes in memory. Leaves `record` as it is where there is none.
void read_build_id(const LoadedModule& module, ModuleRecord& record);

}  // namespace memtrace::runtime
