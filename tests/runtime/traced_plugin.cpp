// A library that is loaded, leaks 10 blocks of PLUGIN_BLOCK bytes, and is unloaded.
#include <cstdlib>

extern "C" [[gnu::visibility("default"), gnu::noinline]] void plugin_leak() {
  for (int i = 0; i < 10; ++i) {
    void* const block = std::malloc(PLUGIN_BLOCK);
    asm volatile("" : : "r"(block) : "memory");
  }
}
