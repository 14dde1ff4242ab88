#include "runtime/hooks/real_operators.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "runtime/os/lock.hpp"
#include "runtime/os/text_buffer.hpp"

namespace memtrace::runtime {
namespace {

constinit RealOperators object_operators{};
constinit RealOperators array_operators{};
constinit Lock finding{LockRank::real_functions};

template <class Function>
void find(Function& function, std::string_view name, std::string_view parameters) {
  TextBuffer<48> mangled;
  mangled << name << parameters;
  function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, mangled.c_str()));
}

// By the mangled names without their parameters.
void find_operators(RealOperators& found, std::string_view make, std::string_view destroy) {
  find(found.make, make, "m");
  find(found.make_nothrow, make, "mRKSt9nothrow_t");
  find(found.make_aligned, make, "mSt11align_val_t");
  find(found.make_aligned_nothrow, make, "mSt11align_val_tRKSt9nothrow_t");
  find(found.destroy, destroy, "Pv");
  find(found.destroy_sized, destroy, "Pvm");
  find(found.destroy_nothrow, destroy, "PvRKSt9nothrow_t");
  find(found.destroy_aligned, destroy, "PvSt11align_val_t");
  find(found.destroy_sized_aligned, destroy, "PvmSt11align_val_t");
  find(found.destroy_aligned_nothrow, destroy, "PvSt11align_val_tRKSt9nothrow_t");
}

bool is_cpp_library(const void* function) {
  Dl_info where{};
  if (dladdr(function, &where) == 0 || where.dli_fname == nullptr) return false;
  return std::strstr(where.dli_fname, "libstdc++.so") != nullptr ||
         std::strstr(where.dli_fname, "libc++.so") != nullptr ||
         std::strstr(where.dli_fname, "libc++abi.so") != nullptr;
}

// Where the program itself defines malloc, the C++ library's operators lead there, not to the
// malloc behind ours.
bool is_malloc_hooked() {
  Dl_info first{};
  Dl_info own{};
  return dladdr(dlsym(RTLD_DEFAULT, "malloc"), &first) != 0 && dladdr(&finding, &own) != 0 &&
         first.dli_fbase == own.dli_fbase;
}

}  // namespace

constinit std::atomic<OperatorKind> operator_kind{OperatorKind::unknown};

OperatorKind find_operator_kind() {
  const Locked locked(finding);
  OperatorKind kind = operator_kind.load(std::memory_order_relaxed);
  if (kind != OperatorKind::unknown) return kind;
  find_operators(object_operators, "_Znw", "_Zdl");
  find_operators(array_operators, "_Zna", "_Zda");
  const New make = object_operators.make;
  const bool is_malloc = make == nullptr || (is_cpp_library(reinterpret_cast<const void*>(make)) &&
                                             is_malloc_hooked());
  kind = is_malloc ? OperatorKind::malloc_and_free : OperatorKind::foreign;
  operator_kind.store(kind, std::memory_order_release);
  return kind;
}

const RealOperators& real_object_operators() {
  return object_operators;
}
const RealOperators& real_array_operators() {
  return array_operators;
}

New new_for_caller(const void* return_address) {
  Dl_info where{};
  if (dladdr(return_address, &where) != 0) {
    void* const library = dlopen(where.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    void* const found = library == nullptr ? nullptr : dlsym(library, "_Znwm");
    if (found != nullptr) return reinterpret_cast<New>(found);
  }
  std::abort();
}

}  // namespace memtrace::runtime
