// The program's floating point environment, which the tracer leaves as it is.
#pragma once

#include <array>
#include <cstdint>

namespace memtrace::runtime {

// As long as it lives, the tracer computes in an environment of its own: no exception is trapped,
// rounding is to nearest, in full precision. The program's, with its flags, is there again
// afterwards. Some 100 cycles; what computes is only some times as fast.
class OwnFloatingPoint {
 public:
  OwnFloatingPoint() {
    constexpr std::uint32_t kUsual = 0x1F80;
    asm volatile(
        "fnstenv %0\n\t"
        "fninit\n\t"
        "stmxcsr %1"
        : "=m"(x87_), "=m"(sse_));
    asm volatile("ldmxcsr %0" : : "m"(kUsual) : "memory");
  }
  ~OwnFloatingPoint() {
    asm volatile(
        "fldenv %0\n\t"
        "ldmxcsr %1"
        :
        : "m"(x87_), "m"(sse_)
        : "memory");
  }
  OwnFloatingPoint(const OwnFloatingPoint&) = delete;
  OwnFloatingPoint& operator=(const OwnFloatingPoint&) = delete;

 private:
  std::array<std::uint32_t, 7> x87_;  // as fnstenv lays it out
  std::uint32_t sse_;
};

}  // namespace memtrace::runtime
