#include "runtime/os/real_functions.hpp"

#include <array>
#include <string_view>

#include "runtime/os/symbol_lookup.hpp"

namespace memtrace::runtime {
namespace {

// Each of the first calls finds all of them and goes on.
template <auto member, class Function>
struct FirstCall;
template <auto member, class Result, class... Arguments>
struct FirstCall<member, Result (*RealFunctions::*)(Arguments...)> {
  static Result call(Arguments... arguments) {
    find_real_functions();
    return (real.*member)(arguments...);
  }
};
template <auto member>
constexpr auto kFirstCall = &FirstCall<member, decltype(member)>::call;

struct Place {
  const char* name;
  std::size_t offset;  // of the pointer in RealFunctions
};

#define MTRACE_PLACE(name) \
  { #name, offsetof(RealFunctions, name) }

constexpr std::array kFunctions = {
    Place MTRACE_PLACE(malloc),
    Place MTRACE_PLACE(calloc),
    Place MTRACE_PLACE(realloc),
    Place MTRACE_PLACE(free),
    Place MTRACE_PLACE(posix_memalign),
    Place MTRACE_PLACE(aligned_alloc),
    Place MTRACE_PLACE(memalign),
    Place MTRACE_PLACE(valloc),
    Place MTRACE_PLACE(pvalloc),
    Place MTRACE_PLACE(malloc_usable_size),
    Place MTRACE_PLACE(mmap),
    Place MTRACE_PLACE(munmap),
    Place MTRACE_PLACE(mremap),
    Place MTRACE_PLACE(mprotect),
    Place MTRACE_PLACE(pkey_mprotect),
    Place MTRACE_PLACE(madvise),
    Place MTRACE_PLACE(shmat),
    Place MTRACE_PLACE(mlockall),
    Place MTRACE_PLACE(munlockall),
    Place MTRACE_PLACE(pthread_create),
    Place MTRACE_PLACE(dlopen),
    Place MTRACE_PLACE(dlmopen),
    Place MTRACE_PLACE(dlclose),
    Place MTRACE_PLACE(execve),
    Place MTRACE_PLACE(execvpe),
    Place MTRACE_PLACE(fexecve),
    Place MTRACE_PLACE(execveat),
    Place MTRACE_PLACE(posix_spawn),
    Place MTRACE_PLACE(posix_spawnp),
    Place MTRACE_PLACE(system),
    Place MTRACE_PLACE(popen),
    Place MTRACE_PLACE(pclose),
    Place MTRACE_PLACE(fclose),
    Place MTRACE_PLACE(sigaction),
    Place MTRACE_PLACE(signal),
    Place MTRACE_PLACE(sigset),
    Place MTRACE_PLACE(setuid),
    Place MTRACE_PLACE(seteuid),
    Place MTRACE_PLACE(setreuid),
    Place MTRACE_PLACE(setresuid),
    Place MTRACE_PLACE(setgid),
    Place MTRACE_PLACE(setegid),
    Place MTRACE_PLACE(setregid),
    Place MTRACE_PLACE(setresgid),
    Place MTRACE_PLACE(setgroups),
    Place MTRACE_PLACE(initgroups),
    Place MTRACE_PLACE(capset),
    Place MTRACE_PLACE(umask),
    Place MTRACE_PLACE(prctl),
    Place MTRACE_PLACE(unshare),
    Place MTRACE_PLACE(setns),
    Place MTRACE_PLACE(syscall),
    Place MTRACE_PLACE(open),
    Place MTRACE_PLACE(open64),
    Place MTRACE_PLACE(openat),
    Place MTRACE_PLACE(openat64),
    Place MTRACE_PLACE(close),
    Place MTRACE_PLACE(fopen),
    Place MTRACE_PLACE(fopen64),
    Place MTRACE_PLACE(opendir),
    Place MTRACE_PLACE(closedir),
    Place MTRACE_PLACE(stat),
    Place MTRACE_PLACE(stat64),
    Place MTRACE_PLACE(fstatat),
    Place MTRACE_PLACE(fstatat64),
    Place MTRACE_PLACE(statx),
    // What _FORTIFY_SOURCE calls instead.
    Place{"__open_2", offsetof(RealFunctions, open_checked)},
    Place{"__open64_2", offsetof(RealFunctions, open64_checked)},
    Place{"__openat_2", offsetof(RealFunctions, openat_checked)},
    Place{"__openat64_2", offsetof(RealFunctions, openat64_checked)},
};

// What had no place would lead to itself for ever.
static_assert(kFunctions.size() * sizeof(void*) == offsetof(RealFunctions, object_operators));

// The mangled names of the forms for one object and for an array, and where both have their place
// in RealOperators.
struct OperatorPlace {
  const char* object;
  const char* array;
  std::size_t offset;
};

constexpr std::array kOperators = {
    OperatorPlace{"_Znwm", "_Znam", offsetof(RealOperators, make)},
    OperatorPlace{"_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t",
                  offsetof(RealOperators, make_nothrow)},
    OperatorPlace{"_ZnwmSt11align_val_t", "_ZnamSt11align_val_t",
                  offsetof(RealOperators, make_aligned)},
    OperatorPlace{"_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZnamSt11align_val_tRKSt9nothrow_t",
                  offsetof(RealOperators, make_aligned_nothrow)},
    OperatorPlace{"_ZdlPv", "_ZdaPv", offsetof(RealOperators, destroy)},
    OperatorPlace{"_ZdlPvm", "_ZdaPvm", offsetof(RealOperators, destroy_sized)},
    OperatorPlace{"_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t",
                  offsetof(RealOperators, destroy_nothrow)},
    OperatorPlace{"_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t",
                  offsetof(RealOperators, destroy_aligned)},
    OperatorPlace{"_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t",
                  offsetof(RealOperators, destroy_sized_aligned)},
    OperatorPlace{"_ZdlPvSt11align_val_tRKSt9nothrow_t", "_ZdaPvSt11align_val_tRKSt9nothrow_t",
                  offsetof(RealOperators, destroy_aligned_nothrow)},
};

const link_map* find_c_library() {
  return find_object(
      [](const link_map& object) { return DynamicSymbols(object).soname() == "libc.so.6"; });
}

// In the version that the C library has it in by default: what another object has in a version of
// its own is not what calls of it reach.
SymbolName symbol_name(const char* name, const link_map* c_library) {
  if (c_library == nullptr) return {name, {}};
  return {name, DynamicSymbols(*c_library).default_version(name)};
}

// Others may call them while they are found.
void put(std::size_t offset, void* function) {
  using AnyFunction [[gnu::may_alias]] = void*;
  auto* const place = reinterpret_cast<AnyFunction*>(reinterpret_cast<std::byte*>(&real) + offset);
  __atomic_store_n(place, function, __ATOMIC_RELAXED);
}

bool is_cpp_library(const link_map& object) {
  const std::string_view name = DynamicSymbols(object).soname();
  return name.starts_with("libstdc++.so") || name.starts_with("libc++.so") ||
         name.starts_with("libc++abi.so");
}

constinit std::atomic<const char*> malloc_in_front{nullptr};

// Whether all calls of the malloc family come to the hooks.
bool is_malloc_hooked(const link_map* c_library) {
  for (const char* const name : {"malloc", "calloc", "realloc", "free", "aligned_alloc"}) {
    const Definition first = find_first_definition(symbol_name(name, c_library));
    if (first.object == own_object()) continue;
    if (first.object != nullptr) malloc_in_front = first.object->l_name;
    return false;
  }
  return true;
}

struct OperatorsFound {
  bool are_first = true;        // all forms that somebody calls are the hooks
  bool are_cpp_library = true;  // or nobody's
};

void find_operator(const char* name, std::size_t offset, OperatorsFound& found) {
  const Definition first = find_first_definition({name, {}});
  const Definition next = find_next_definition({name, {}});
  if (first.object != own_object()) found.are_first = false;
  if (next.object != nullptr && !is_cpp_library(*next.object)) found.are_cpp_library = false;
  put(offset, next.address);
}

OperatorKind find_operators(const link_map* c_library) {
  OperatorsFound found;
  for (const OperatorPlace& place : kOperators) {
    find_operator(place.object, offsetof(RealFunctions, object_operators) + place.offset, found);
    find_operator(place.array, offsetof(RealFunctions, array_operators) + place.offset, found);
  }
  const bool malloc_is_hooked = is_malloc_hooked(c_library);
  if (!found.are_first) return OperatorKind::replaced;
  return malloc_is_hooked && found.are_cpp_library ? OperatorKind::malloc_and_free
                                                   : OperatorKind::foreign;
}

constinit std::atomic<bool> are_found{false};

}  // namespace

constinit RealFunctions real = {
    .malloc = kFirstCall<&RealFunctions::malloc>,
    .calloc = kFirstCall<&RealFunctions::calloc>,
    .realloc = kFirstCall<&RealFunctions::realloc>,
    .free = kFirstCall<&RealFunctions::free>,
    .posix_memalign = kFirstCall<&RealFunctions::posix_memalign>,
    .aligned_alloc = kFirstCall<&RealFunctions::aligned_alloc>,
    .memalign = kFirstCall<&RealFunctions::memalign>,
    .valloc = kFirstCall<&RealFunctions::valloc>,
    .pvalloc = kFirstCall<&RealFunctions::pvalloc>,
    .malloc_usable_size = kFirstCall<&RealFunctions::malloc_usable_size>,
    .mmap = kFirstCall<&RealFunctions::mmap>,
    .munmap = kFirstCall<&RealFunctions::munmap>,
    .mremap = kFirstCall<&RealFunctions::mremap>,
    .mprotect = kFirstCall<&RealFunctions::mprotect>,
    .pkey_mprotect = kFirstCall<&RealFunctions::pkey_mprotect>,
    .madvise = kFirstCall<&RealFunctions::madvise>,
    .shmat = kFirstCall<&RealFunctions::shmat>,
    .mlockall = kFirstCall<&RealFunctions::mlockall>,
    .munlockall = kFirstCall<&RealFunctions::munlockall>,
    .pthread_create = kFirstCall<&RealFunctions::pthread_create>,
    .dlopen = kFirstCall<&RealFunctions::dlopen>,
    .dlmopen = kFirstCall<&RealFunctions::dlmopen>,
    .dlclose = kFirstCall<&RealFunctions::dlclose>,
    .execve = kFirstCall<&RealFunctions::execve>,
    .execvpe = kFirstCall<&RealFunctions::execvpe>,
    .fexecve = kFirstCall<&RealFunctions::fexecve>,
    .execveat = kFirstCall<&RealFunctions::execveat>,
    .posix_spawn = kFirstCall<&RealFunctions::posix_spawn>,
    .posix_spawnp = kFirstCall<&RealFunctions::posix_spawnp>,
    .system = kFirstCall<&RealFunctions::system>,
    .popen = kFirstCall<&RealFunctions::popen>,
    .pclose = kFirstCall<&RealFunctions::pclose>,
    .fclose = kFirstCall<&RealFunctions::fclose>,
    .open = kFirstCall<&RealFunctions::open>,
    .open64 = kFirstCall<&RealFunctions::open64>,
    .openat = kFirstCall<&RealFunctions::openat>,
    .openat64 = kFirstCall<&RealFunctions::openat64>,
    .open_checked = kFirstCall<&RealFunctions::open_checked>,
    .open64_checked = kFirstCall<&RealFunctions::open64_checked>,
    .openat_checked = kFirstCall<&RealFunctions::openat_checked>,
    .openat64_checked = kFirstCall<&RealFunctions::openat64_checked>,
    .close = kFirstCall<&RealFunctions::close>,
    .fopen = kFirstCall<&RealFunctions::fopen>,
    .fopen64 = kFirstCall<&RealFunctions::fopen64>,
    .opendir = kFirstCall<&RealFunctions::opendir>,
    .closedir = kFirstCall<&RealFunctions::closedir>,
    .stat = kFirstCall<&RealFunctions::stat>,
    .stat64 = kFirstCall<&RealFunctions::stat64>,
    .fstatat = kFirstCall<&RealFunctions::fstatat>,
    .fstatat64 = kFirstCall<&RealFunctions::fstatat64>,
    .statx = kFirstCall<&RealFunctions::statx>,
    .sigaction = kFirstCall<&RealFunctions::sigaction>,
    .signal = kFirstCall<&RealFunctions::signal>,
    .sigset = kFirstCall<&RealFunctions::sigset>,
    .setuid = kFirstCall<&RealFunctions::setuid>,
    .seteuid = kFirstCall<&RealFunctions::seteuid>,
    .setreuid = kFirstCall<&RealFunctions::setreuid>,
    .setresuid = kFirstCall<&RealFunctions::setresuid>,
    .setgid = kFirstCall<&RealFunctions::setgid>,
    .setegid = kFirstCall<&RealFunctions::setegid>,
    .setregid = kFirstCall<&RealFunctions::setregid>,
    .setresgid = kFirstCall<&RealFunctions::setresgid>,
    .setgroups = kFirstCall<&RealFunctions::setgroups>,
    .initgroups = kFirstCall<&RealFunctions::initgroups>,
    .capset = kFirstCall<&RealFunctions::capset>,
    .umask = kFirstCall<&RealFunctions::umask>,
    .prctl = kFirstCall<&RealFunctions::prctl>,
    .unshare = kFirstCall<&RealFunctions::unshare>,
    .setns = kFirstCall<&RealFunctions::setns>,
    .syscall = kFirstCall<&RealFunctions::syscall>,
    .object_operators = {},
    .array_operators = {},
};

constinit std::atomic<OperatorKind> operator_kind{OperatorKind::unknown};
constinit std::atomic<bool> real_may_lead_back{true};

void find_real_functions() {
  if (are_found.load(std::memory_order_acquire)) return;
  const link_map* const c_library = find_c_library();
  for (const Place& place : kFunctions) {
    put(place.offset, find_next_definition(symbol_name(place.name, c_library)).address);
  }
  const Definition allocator = find_next_definition(symbol_name("malloc", c_library));
  real_may_lead_back.store(allocator.object != c_library, std::memory_order_relaxed);
  operator_kind.store(find_operators(c_library), std::memory_order_release);
  are_found.store(true, std::memory_order_release);
}

const char* other_malloc() {
  return malloc_in_front.load(std::memory_order_relaxed);
}

}  // namespace memtrace::runtime
