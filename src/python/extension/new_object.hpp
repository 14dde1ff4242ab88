// New objects: where their memory begins, and telling the tracer of them.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/interpreter/support.hpp"
#include "runtime/unwind/unwinder.hpp"

namespace memtrace::python {

// Where the block of memory begins that an object lies in: what stands before the object, each
// version keeps differently.
// SampledBlocks::kBeforeObject is more.
inline std::size_t size_before_object(PyTypeObject* type) {
  constexpr std::size_t kCollectorLinks = 2 * sizeof(std::uintptr_t);
  std::size_t size = PyType_IS_GC(type) ? kCollectorLinks : 0;
#if PY_VERSION_HEX >= 0x030C0000
  constexpr std::size_t kManaged = 2 * sizeof(PyObject*);
  if (PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF))
    size += kManaged;
#elif PY_VERSION_HEX >= 0x030B0000
  constexpr std::size_t kManaged = 2 * sizeof(PyObject*);
  if (PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT)) size += kManaged;
#endif
  return size;
}

inline std::uintptr_t block_of_object(PyObject* object) {
  return reinterpret_cast<std::uintptr_t>(object) - size_before_object(Py_TYPE(object));
}

class NewObjects {
 public:
  void prepare() {
    const runtime::InterpreterSupport& support = *mtrace_interpreter_support();
    refer_ = support.refer;
    fresh_ = support.fresh_block_offset();
    mode_ = support.mode;
    sampled_ = support.sampled_blocks;
  }

  // In the function that the interpreter calls. Costs a compare where the block was just allocated.
  [[gnu::always_inline]] void tell(std::uintptr_t block) const {
    std::uintptr_t thread = 0;
    __asm__("mov %%fs:0, %0" : "=r"(thread));
    auto* const fresh =
        reinterpret_cast<std::uintptr_t*>(thread + static_cast<std::uintptr_t>(fresh_));
    if (*fresh == block) [[likely]] {
      *fresh = 0;
      return;
    }
    // Of what comes from free lists, only frames are, and later versions have none of them.
    constexpr bool kMayBeLarge = PY_VERSION_HEX < 0x030B0000;
    refer_(block, runtime::caller_registers(), kMayBeLarge);
  }
  [[gnu::always_inline]] void tell(PyObject* object) const {
    if (matters(object)) tell(block_of_object(object));
  }
  // Where only some blocks are traced, or none, not even the type of most objects is looked at.
  [[gnu::always_inline]] bool matters(const PyObject* object) const {
    const runtime::HookMode mode = mode_->load(std::memory_order_relaxed);
    return mode == runtime::HookMode::exact ||
           (mode == runtime::HookMode::sampling &&
            sampled_->may_hold_object(reinterpret_cast<std::uintptr_t>(object)));
  }

 private:
  decltype(runtime::InterpreterSupport::refer) refer_ = nullptr;
  std::ptrdiff_t fresh_ = 0;
  const std::atomic<runtime::HookMode>* mode_ = nullptr;
  const runtime::SampledBlocks* sampled_ = nullptr;
};

}  // namespace memtrace::python
