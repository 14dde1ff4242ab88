// pthread_create(): a thread's stack is memory that the program asks for, and libc maps.
#include <pthread.h>

#include <cerrno>

#include "runtime/os/real_functions.hpp"
#include "runtime/tracer/giving_up.hpp"

namespace memtrace::runtime {
namespace {

// 0 where the program brings the stack itself.
std::size_t stack_size(const pthread_attr_t* attributes) {
  std::size_t size = 0;
  if (attributes != nullptr) {
    void* stack = nullptr;
    return pthread_attr_getstack(attributes, &stack, &size) == 0 && stack != nullptr ? 0 : size;
  }
  pthread_attr_t defaults;
  if (pthread_getattr_default_np(&defaults) != 0) return 0;
  pthread_attr_getstacksize(&defaults, &size);
  pthread_attr_destroy(&defaults);
  return size;
}

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: the function that stands here is the program's

extern "C" __attribute__((visibility("default"))) int pthread_create(
    pthread_t* thread, const pthread_attr_t* attributes, void* (*function)(void*),
    void* argument) noexcept {
  const int error = real.pthread_create(thread, attributes, function, argument);
  if (error != EAGAIN || !make_room(stack_size(attributes))) return error;
  return real.pthread_create(thread, attributes, function, argument);
}
