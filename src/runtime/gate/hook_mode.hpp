// What a hook has to do at all: the first thing that it looks at.
#pragma once

#include <atomic>
#include <cstdint>

namespace memtrace::runtime {

enum class HookMode : std::uint8_t {
  unknown,   // as off, but nobody has asked yet whether to trace
  exact,     // trace every block
  sampling,  // trace some
  off,       // call the real function
};

// Alone in its page, which the kernel empties in a copy of the process, whoever makes it: a hook
// there finds `unknown` before it has touched anything else. Hidden where it is declared: elsewhere
// the compiler would look up the address of what every hook touches in a table, as of a variable
// that another library may define.
struct alignas(4096) HookModePage {
  std::atomic<HookMode> mode{HookMode::unknown};
};
[[gnu::visibility("hidden")]] extern constinit HookModePage hook_mode_page;

inline HookMode current_hook_mode() {
  return hook_mode_page.mode.load(std::memory_order_relaxed);
}
inline void set_hook_mode(HookMode mode) {
  hook_mode_page.mode.store(mode, std::memory_order_release);
}
// Once. An older kernel does not know how: copies that fork() has not made are then not recognised.
void wipe_hook_mode_on_fork();

}  // namespace memtrace::runtime
