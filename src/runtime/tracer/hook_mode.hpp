// What a hook has to do at all: the first thing that it looks at.
#pragma once

#include <atomic>
#include <cstdint>

namespace memtrace::runtime {

enum class HookMode : std::uint8_t {
  exact,     // trace every block
  sampling,  // trace some
  off,       // call the real function
  first,     // as off, but nobody has asked yet whether to trace
};
// Hidden where it is declared: elsewhere the compiler would look up the address of what every hook
// touches in a table, as of a variable that another library may define.
[[gnu::visibility("hidden")]] extern constinit std::atomic<HookMode> hook_mode;

inline HookMode current_hook_mode() {
  return hook_mode.load(std::memory_order_relaxed);
}

}  // namespace memtrace::runtime
