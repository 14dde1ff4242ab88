// What happens when the library is initialised, if no hook was called before.
#include <cstdint>

#include "runtime/control/start.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/tracer/events.hpp"

// The linker's: where this library begins, and where its code ends.
extern "C" {
[[gnu::visibility("hidden")]] extern const char __ehdr_start[];  // NOLINT
[[gnu::visibility("hidden")]] extern const char etext[];         // NOLINT
}

namespace memtrace::runtime {
namespace {

[[gnu::constructor(101)]] void initialise() {
  tables.tracebacks.leave_out(reinterpret_cast<std::uintptr_t>(__ehdr_start),
                              reinterpret_cast<std::uintptr_t>(etext));
  find_real_functions();
  start_runtime();
}

}  // namespace
}  // namespace memtrace::runtime
