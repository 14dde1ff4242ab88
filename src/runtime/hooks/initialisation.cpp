// What happens when the library is initialised, if no hook was called before.
#include "runtime/control/start.hpp"
#include "runtime/os/real_functions.hpp"

namespace memtrace::runtime {
namespace {

[[gnu::constructor(101)]] void initialise() {
  find_real_functions();
  start_runtime();
}

}  // namespace
}  // namespace memtrace::runtime
