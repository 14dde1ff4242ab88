// Is unloaded while its memory is still there.
#include <string>

namespace {

std::string* text;

__attribute__((noinline)) void make() {
  text = new std::string(1000, 'x');  // LIVE 1033/2
}

}  // namespace

extern "C" void use() {
  make();
  __asm__ volatile("");
}
