// C++ as compilers like to take it apart. Each SAY is at its own line and knows its callers.
#include "main.hpp"

#include <vector>

namespace {

ALWAYS_INLINE void innermost() {
  SAY("(anonymous namespace)::innermost<(anonymous namespace)::middle<outer::run(int)");
}

ALWAYS_INLINE void middle() {
  innermost();
}

NOINLINE void hidden(int) {
  SAY("(anonymous namespace)::hidden");
}

}  // namespace

namespace outer {

NOINLINE void run(int count) {
  for (int i = 0; i < count; ++i) {
    middle();
  }
}

template <class T>
NOINLINE T twice(T value) {
  SAY("outer::twice<int>(int)");
  return value + value;
}

struct Shape {
  virtual ~Shape() = default;
  NOINLINE virtual void draw(const std::vector<int>&) const {
    SAY("outer::Shape::draw(std::vector<int, std::allocator<int> > const&) const");
  }
};

}  // namespace outer

extern "C" NOINLINE void plain() {
  SAY("plain");
  from_header();
}

int main() {
  outer::run(1);
  hidden(0);
  outer::twice(2);
  outer::Shape().draw({});
  plain();
  // The call and its line are on different lines of the statement.
  // clang-format off
  say(
      __FILE__, __LINE__ - 1, "main");
  // clang-format on
  __asm__ volatile("");
  return 0;
}
