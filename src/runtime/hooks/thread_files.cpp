// What opens, closes and looks at files, in front of libc's: some tell of the program's threads.
//
// libc's comes first: what it has found by its path is readable.
#include <cstdarg>
#include <cstdio>

#include "runtime/control/thread_view.hpp"
#include "runtime/os/real_functions.hpp"

namespace memtrace::runtime {
namespace {

int opened(const char* path, int file) {
  if (file >= 0 && may_tell_of_threads(path)) begin_look(file);
  return file;
}

FILE* opened(const char* path, FILE* file) {
  if (file != nullptr && may_tell_of_threads(path)) begin_look(fileno_unlocked(file));
  return file;
}

DIR* opened(const char* path, DIR* folder) {
  if (folder != nullptr && may_tell_of_threads(path)) begin_look(dirfd(folder));
  return folder;
}

// Again, without the tracer's thread, where it tells.
template <class Ask, class Tells>
int asked(Ask ask, Tells tells) {
  const int result = ask();
  if (result != 0 || !tells()) return result;
  begin_look(kNoFile);
  const int again = ask();
  end_look(kNoFile);
  return again;
}

template <class Ask>
int asked(const char* path, const struct stat* status, Ask ask) {
  return asked(ask, [&] {
    return is_folder_of_threads(path, S_ISDIR(status->st_mode),
                                static_cast<std::uint64_t>(status->st_size));
  });
}

}  // namespace

}  // namespace memtrace::runtime

// --- in front of libc's ---

namespace runtime = memtrace::runtime;
using runtime::real;

// The mode is there for some flags only.
#define MTRACE_OPEN(name)                                       \
  MTRACE_EXPORT int name(const char* path, int flags, ...) {    \
    va_list list;                                               \
    va_start(list, flags);                                      \
    const auto mode = va_arg(list, mode_t);                     \
    va_end(list);                                               \
    return runtime::opened(path, real.name(path, flags, mode)); \
  }
#define MTRACE_OPEN_AT(name)                                             \
  MTRACE_EXPORT int name(int folder, const char* path, int flags, ...) { \
    va_list list;                                                        \
    va_start(list, flags);                                               \
    const auto mode = va_arg(list, mode_t);                              \
    va_end(list);                                                        \
    return runtime::opened(path, real.name(folder, path, flags, mode));  \
  }
MTRACE_OPEN(open)
MTRACE_OPEN(open64)
MTRACE_OPEN_AT(openat)
MTRACE_OPEN_AT(openat64)

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): libc's names
MTRACE_EXPORT int __open_2(const char* path, int flags) {
  return runtime::opened(path, real.open_checked(path, flags));
}

MTRACE_EXPORT int __open64_2(const char* path, int flags) {
  return runtime::opened(path, real.open64_checked(path, flags));
}

MTRACE_EXPORT int __openat_2(int folder, const char* path, int flags) {
  return runtime::opened(path, real.openat_checked(folder, path, flags));
}

MTRACE_EXPORT int __openat64_2(int folder, const char* path, int flags) {
  return runtime::opened(path, real.openat64_checked(folder, path, flags));
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

MTRACE_EXPORT FILE* fopen(const char* path, const char* mode) {
  return runtime::opened(path, real.fopen(path, mode));
}

MTRACE_EXPORT FILE* fopen64(const char* path, const char* mode) {
  return runtime::opened(path, real.fopen64(path, mode));
}

MTRACE_EXPORT DIR* opendir(const char* path) {
  return runtime::opened(path, real.opendir(path));
}

MTRACE_EXPORT int closedir(DIR* folder) {
  const int file = runtime::has_looks() ? dirfd(folder) : runtime::kNoFile;
  const int result = real.closedir(folder);
  if (file != runtime::kNoFile) runtime::end_look(file);
  return result;
}

MTRACE_EXPORT int stat(const char* path, struct stat* status) noexcept {
  return runtime::asked(path, status, [&] { return real.stat(path, status); });
}

MTRACE_EXPORT int stat64(const char* path, struct stat64* status) noexcept {
  auto* const same = reinterpret_cast<struct stat*>(status);
  return runtime::asked(path, same, [&] { return real.stat64(path, same); });
}

MTRACE_EXPORT int fstatat(int folder, const char* path, struct stat* status, int flags) noexcept {
  return runtime::asked(path, status, [&] { return real.fstatat(folder, path, status, flags); });
}

MTRACE_EXPORT int fstatat64(int folder, const char* path, struct stat64* status,
                            int flags) noexcept {
  auto* const same = reinterpret_cast<struct stat*>(status);
  return runtime::asked(path, same, [&] { return real.fstatat64(folder, path, same, flags); });
}

MTRACE_EXPORT int statx(int folder, const char* path, int flags, unsigned mask,
                        struct statx* status) noexcept {
  return runtime::asked([&] { return real.statx(folder, path, flags, mask, status); },
                        [&] {
                          return runtime::is_folder_of_threads(path, S_ISDIR(status->stx_mode),
                                                               status->stx_size);
                        });
}

MTRACE_EXPORT int close(int file) {
  const int result = real.close(file);
  if (runtime::has_looks()) runtime::end_look(file);
  return result;
}
