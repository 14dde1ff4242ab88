// What the hooks stand in front of: the next definition of each function. All of them are found in
// one place, at once, and without the dynamic loader's lock.
#pragma once

#include <dirent.h>
#include <dlfcn.h>
#include <linux/capability.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>

// A function that stands in front of the program's next one. It need not repeat the attributes that
// glibc's headers declare it with: it is none of what they promise to a compiler that sees into it.
#define MTRACE_EXPORT extern "C" __attribute__((visibility("default")))

namespace memtrace::runtime {

using Strings = char* const*;
using SpawnFunction = int(pid_t*, const char*, const posix_spawn_file_actions_t*,
                          const posix_spawnattr_t*, Strings, Strings);
using SignalAction = struct sigaction;
using OldHandler = void (*)(int);
using CreateThread = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
using SetHandler = OldHandler(int, OldHandler);
using CapabilityHeader = __user_cap_header_struct;
using CapabilityData = __user_cap_data_struct;

// For one object, or for an array. nullptr where nobody defines that form.
struct RealOperators {
  void* (*make)(std::size_t);
  void* (*make_nothrow)(std::size_t, const std::nothrow_t&);
  void* (*make_aligned)(std::size_t, std::align_val_t);
  void* (*make_aligned_nothrow)(std::size_t, std::align_val_t, const std::nothrow_t&);
  void (*destroy)(void*);
  void (*destroy_sized)(void*, std::size_t);
  void (*destroy_nothrow)(void*, const std::nothrow_t&);
  void (*destroy_aligned)(void*, std::align_val_t);
  void (*destroy_sized_aligned)(void*, std::size_t, std::align_val_t);
  void (*destroy_aligned_nothrow)(void*, std::align_val_t, const std::nothrow_t&);
};

// Where the C library has the function, it can be called at any time: what is there before they
// are found finds them and goes on.
struct RealFunctions {
  void* (*malloc)(std::size_t);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void (*free)(void*);
  int (*posix_memalign)(void**, std::size_t, std::size_t);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
  std::size_t (*malloc_usable_size)(void*);

  void* (*mmap)(void*, std::size_t, int, int, int, off_t);
  int (*munmap)(void*, std::size_t);
  // The last one is there for some flags only.
  void* (*mremap)(void*, std::size_t, std::size_t, int, void*);
  int (*mprotect)(void*, std::size_t, int);
  int (*pkey_mprotect)(void*, std::size_t, int, int);
  int (*madvise)(void*, std::size_t, int);
  void* (*shmat)(int, const void*, int);
  int (*mlockall)(int);
  int (*munlockall)();
  CreateThread* pthread_create;

  void* (*dlopen)(const char*, int);
  void* (*dlmopen)(Lmid_t, const char*, int);
  int (*dlclose)(void*);

  int (*execve)(const char*, Strings, Strings);
  int (*execvpe)(const char*, Strings, Strings);
  int (*fexecve)(int, Strings, Strings);
  int (*execveat)(int, const char*, Strings, Strings, int);
  SpawnFunction* posix_spawn;
  SpawnFunction* posix_spawnp;
  int (*system)(const char*);
  FILE* (*popen)(const char*, const char*);
  int (*pclose)(FILE*);
  int (*fclose)(FILE*);

  // The last one of each is there for some flags only.
  int (*open)(const char*, int, mode_t);
  int (*open64)(const char*, int, mode_t);
  int (*openat)(int, const char*, int, mode_t);
  int (*openat64)(int, const char*, int, mode_t);
  int (*open_checked)(const char*, int);
  int (*open64_checked)(const char*, int);
  int (*openat_checked)(int, const char*, int);
  int (*openat64_checked)(int, const char*, int);
  int (*close)(int);
  FILE* (*fopen)(const char*, const char*);
  FILE* (*fopen64)(const char*, const char*);
  DIR* (*opendir)(const char*);
  int (*closedir)(DIR*);
  // struct stat and struct stat64 are one.
  int (*stat)(const char*, struct stat*);
  int (*stat64)(const char*, struct stat*);
  int (*fstatat)(int, const char*, struct stat*, int);
  int (*fstatat64)(int, const char*, struct stat*, int);
  int (*statx)(int, const char*, int, unsigned, struct statx*);

  int (*sigaction)(int, const SignalAction*, SignalAction*);
  SetHandler* signal;
  SetHandler* sigset;

  int (*setuid)(uid_t);
  int (*seteuid)(uid_t);
  int (*setreuid)(uid_t, uid_t);
  int (*setresuid)(uid_t, uid_t, uid_t);
  int (*setgid)(gid_t);
  int (*setegid)(gid_t);
  int (*setregid)(gid_t, gid_t);
  int (*setresgid)(gid_t, gid_t, gid_t);
  int (*setgroups)(std::size_t, const gid_t*);
  int (*initgroups)(const char*, gid_t);
  int (*capset)(CapabilityHeader*, CapabilityData*);
  mode_t (*umask)(mode_t);

  int (*prctl)(int, long, long, long, long);
  int (*unshare)(int);
  int (*setns)(int, int);
  long (*syscall)(long, long, long, long, long, long, long);

  RealOperators object_operators;
  RealOperators array_operators;
};
[[gnu::visibility("hidden")]] extern constinit RealFunctions real;

enum class OperatorKind : std::uint8_t {
  unknown,
  // The C++ library's, on top of the malloc that is hooked; or nobody's.
  malloc_and_free,
  // Somebody's behind the hooks, or the C++ library's on top of another malloc.
  foreign,
  // Somebody's in front of the hooks has taken some of the forms: the others lead there.
  replaced,
};
[[gnu::visibility("hidden")]] extern constinit std::atomic<OperatorKind> operator_kind;

// Finds them all now: in the library's constructor, or before, in the first call of a hook by a
// library whose constructor ran earlier. Several threads may do so at the same time, and a signal
// handler in the middle of it: all find the same.
void find_real_functions();

// Whether the real functions may call each other by way of the hooks, as the C library's do not.
[[gnu::visibility("hidden")]] extern constinit std::atomic<bool> real_may_lead_back;

// The file of whoever stands in front of the hooks with a malloc of its own, so that calls of it
// are not seen: "" is the program. nullptr: nobody does.
const char* other_malloc();

}  // namespace memtrace::runtime
