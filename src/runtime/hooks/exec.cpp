// The ways to end, or to execute another program, in front of libc's: what the tracer hid from the
// environment is given back to a program that is to be traced.
#include <alloca.h>
#include <spawn.h>
#include <unistd.h>

#include <cstdarg>
#include <cstddef>
#include <cstdlib>

#include "runtime/control/control.hpp"
#include "runtime/control/process.hpp"
#include "runtime/hooks/executed_program.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

// What replaces this program; the snapshot that is being written must not be lost with it.
template <class Execute>
int replace_program(Strings given, const Execute& execute) {
  const bool is_other_process = !is_traced_process();
  if (!is_other_process) finish_snapshots();
  return with_environment(is_other_process, given, execute);
}

// NOLINTNEXTLINE(readability-function-size): the parameters of posix_spawn, and which one
int spawn(SpawnFunction* real, pid_t* process, const char* program,
          const posix_spawn_file_actions_t* actions, const posix_spawnattr_t* attributes,
          Strings arguments, Strings given) {
  return with_environment(true, given, [&](Strings environment) {
    return real(process, program, actions, attributes, arguments, environment);
  });
}

// The arguments of execl() and its kin: what a function of varying arguments was called with.
std::size_t count_arguments(va_list arguments) {
  std::size_t count = 1;
  while (va_arg(arguments, char*) != nullptr) ++count;
  return count;
}

void copy_arguments(const char* first, va_list arguments, char** to) {
  *to = const_cast<char*>(first);
  while (*to != nullptr) *++to = va_arg(arguments, char*);
}

[[gnu::destructor(101)]] void at_end() {
  take_last_snapshot();
}

[[noreturn]] void exit_now(int status) {
  take_last_snapshot();
  while (true) system_call(SYS_exit_group, status);
}

}  // namespace
}  // namespace memtrace::runtime

// --- in front of libc's ---

namespace runtime = memtrace::runtime;

MTRACE_EXPORT int execve(const char* path, char* const arguments[],
                         char* const variables[]) noexcept {
  const auto real = runtime::real.execve;
  return runtime::replace_program(
      variables, [&](runtime::Strings environment) { return real(path, arguments, environment); });
}

MTRACE_EXPORT int execv(const char* path, char* const arguments[]) noexcept {
  return execve(path, arguments, environ);
}

MTRACE_EXPORT int execvpe(const char* file, char* const arguments[],
                          char* const variables[]) noexcept {
  const auto real = runtime::real.execvpe;
  return runtime::replace_program(
      variables, [&](runtime::Strings environment) { return real(file, arguments, environment); });
}

MTRACE_EXPORT int execvp(const char* file, char* const arguments[]) noexcept {
  return execvpe(file, arguments, environ);
}

MTRACE_EXPORT int fexecve(int file, char* const arguments[], char* const variables[]) noexcept {
  const auto real = runtime::real.fexecve;
  return runtime::replace_program(
      variables, [&](runtime::Strings environment) { return real(file, arguments, environment); });
}

MTRACE_EXPORT int execveat(int folder, const char* path, char* const arguments[],
                           char* const variables[], int flags) noexcept {
  const auto real = runtime::real.execveat;
  return runtime::replace_program(variables, [&](runtime::Strings environment) {
    return real(folder, path, arguments, environment, flags);
  });
}

// Puts the arguments of a function of varying arguments into an array on its stack.
#define MTRACE_COLLECT_ARGUMENTS(first, collected)                                   \
  va_list list;                                                                      \
  va_start(list, first);                                                             \
  const std::size_t count = runtime::count_arguments(list);                          \
  va_end(list);                                                                      \
  auto** const collected = static_cast<char**>(alloca((count + 1) * sizeof(char*))); \
  va_start(list, first);                                                             \
  runtime::copy_arguments(first, list, collected)

MTRACE_EXPORT int execl(const char* path, const char* first, ...) noexcept {
  MTRACE_COLLECT_ARGUMENTS(first, arguments);
  va_end(list);
  return execve(path, arguments, environ);
}

MTRACE_EXPORT int execlp(const char* file, const char* first, ...) noexcept {
  MTRACE_COLLECT_ARGUMENTS(first, arguments);
  va_end(list);
  return execvpe(file, arguments, environ);
}

MTRACE_EXPORT int execle(const char* path, const char* first, ...) noexcept {
  MTRACE_COLLECT_ARGUMENTS(first, arguments);
  auto** const variables = va_arg(list, char**);
  va_end(list);
  return execve(path, arguments, variables);
}

MTRACE_EXPORT int posix_spawn(pid_t* process, const char* path,
                              const posix_spawn_file_actions_t* actions,
                              const posix_spawnattr_t* attributes, char* const arguments[],
                              char* const variables[]) {
  const auto real = runtime::real.posix_spawn;
  return runtime::spawn(real, process, path, actions, attributes, arguments, variables);
}

MTRACE_EXPORT int posix_spawnp(pid_t* process, const char* file,
                               const posix_spawn_file_actions_t* actions,
                               const posix_spawnattr_t* attributes, char* const arguments[],
                               char* const variables[]) {
  const auto real = runtime::real.posix_spawnp;
  return runtime::spawn(real, process, file, actions, attributes, arguments, variables);
}

MTRACE_EXPORT void _exit(int status) {
  runtime::exit_now(status);
}

MTRACE_EXPORT void _Exit(int status) noexcept {
  runtime::exit_now(status);
}
