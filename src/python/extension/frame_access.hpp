// The frames that a thread of CPython is in: the one place that knows how each version keeps them.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>

#if PY_VERSION_HEX < 0x03090000 || PY_VERSION_HEX >= 0x030E0000
#error "mtrace knows the frames of CPython 3.9 to 3.13"
#endif

#if PY_VERSION_HEX < 0x030B0000
#include <frameobject.h>
#else
// CPython's own headers are C, and use names that a C++ compiler warns of.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#define Py_BUILD_CORE 1  // NOLINT: CPython's name
#include <internal/pycore_frame.h>
#undef Py_BUILD_CORE
#pragma GCC diagnostic pop
#endif

namespace memtrace::python {

#if PY_VERSION_HEX >= 0x030D0000
inline PyThreadState* current_thread() {
  return PyThreadState_GetUnchecked();
}
inline bool is_finalizing() {
  return Py_IsFinalizing() != 0;
}
#else
inline PyThreadState* current_thread() {
  return _PyThreadState_UncheckedGet();
}
inline bool is_finalizing() {
  return _Py_IsFinalizing() != 0;
}
#endif

// Something of how deep the thread is in calls: frames of generators count too.
#if PY_VERSION_HEX < 0x030B0000
inline std::uint64_t depth_of(const PyThreadState* thread) {
  return static_cast<unsigned>(thread->recursion_depth);
}
#elif PY_VERSION_HEX < 0x030C0000
inline std::uint64_t depth_of(const PyThreadState* thread) {
  return static_cast<unsigned>(thread->recursion_remaining);
}
#else
inline std::uint64_t depth_of(const PyThreadState* thread) {
  return static_cast<unsigned>(thread->py_recursion_remaining);
}
#endif

// --- 3.9 and 3.10: a frame object each ---

#if PY_VERSION_HEX < 0x030B0000

using InterpreterFrame = PyFrameObject;

inline InterpreterFrame* newest_frame(const PyThreadState* thread) {
  return thread->frame;
}
inline InterpreterFrame* caller_of(const InterpreterFrame* frame) {
  return frame->f_back;
}
inline bool is_complete(const InterpreterFrame*) {
  return true;
}
inline bool may_be_complete(const InterpreterFrame*) {
  return true;
}
inline PyCodeObject* code_of(const InterpreterFrame* frame) {
  return frame->f_code;
}
// The instruction by its place in the code.
inline std::uintptr_t instruction_of(const InterpreterFrame* frame) {
  return static_cast<std::uintptr_t>(static_cast<std::intptr_t>(frame->f_lasti));
}
// What tells the frame from all others, whose codes are alive: both.
inline constexpr bool kInstructionTellsCode = false;
inline std::uintptr_t newest_identity(const InterpreterFrame* frame) {
  return instruction_of(frame);
}

// In bytes, as PyCode_Addr2Line() wants it.
inline int offset_of(const PyCodeObject*, std::uintptr_t instruction) {
  constexpr int kUnit = PY_VERSION_HEX < 0x030A0000 ? 1 : 2;
  return static_cast<int>(static_cast<std::intptr_t>(instruction)) * kUnit;
}
inline PyObject* function_name_of(const PyCodeObject* code) {
  return code->co_name;
}

#else

// --- 3.11 and later: frames without objects, linked on the thread's own stack ---

using InterpreterFrame = _PyInterpreterFrame;

#if PY_VERSION_HEX < 0x030D0000
inline InterpreterFrame* newest_frame(const PyThreadState* thread) {
  return thread->cframe->current_frame;
}
inline PyCodeObject* code_of(const InterpreterFrame* frame) {
  return frame->f_code;
}
inline std::uintptr_t instruction_of(const InterpreterFrame* frame) {
  return reinterpret_cast<std::uintptr_t>(frame->prev_instr);
}
#else
inline InterpreterFrame* newest_frame(const PyThreadState* thread) {
  return thread->current_frame;
}
inline PyCodeObject* code_of(const InterpreterFrame* frame) {
  return reinterpret_cast<PyCodeObject*>(frame->f_executable);
}
inline std::uintptr_t instruction_of(const InterpreterFrame* frame) {
  return reinterpret_cast<std::uintptr_t>(frame->instr_ptr);
}
#endif

inline InterpreterFrame* caller_of(const InterpreterFrame* frame) {
  return frame->previous;
}
inline std::uintptr_t first_instruction_of(const PyCodeObject* code) {
  return reinterpret_cast<std::uintptr_t>(code->co_code_adaptive);
}
// Not one that still makes its cells, and not one that stands for a call from C.
inline bool is_complete(const InterpreterFrame* frame) {
#if PY_VERSION_HEX >= 0x030C0000
  if (frame->owner == FRAME_OWNED_BY_CSTACK) return false;
#endif
  if (frame->owner == FRAME_OWNED_BY_GENERATOR) return true;
  const PyCodeObject* const code = code_of(frame);
  return instruction_of(frame) >=
         first_instruction_of(code) +
             static_cast<unsigned>(code->_co_firsttraceable) * sizeof(_Py_CODEUNIT);
}
// Without a look at the code, which would be a cache line more: also one that still makes its
// cells, which calls others only where a collection of garbage comes in between. The instructions
// that it can be at then are those of no complete frame.
inline bool may_be_complete([[maybe_unused]] const InterpreterFrame* frame) {
#if PY_VERSION_HEX >= 0x030C0000
  return frame->owner != FRAME_OWNED_BY_CSTACK;
#else
  return true;
#endif
}
// Instructions lie in the code object.
inline constexpr bool kInstructionTellsCode = true;
// Also tells whether it is complete: the instruction that makes a generator is that of a frame that
// is not, and of the generator's own until it has run.
inline std::uintptr_t newest_identity(const InterpreterFrame* frame) {
  return instruction_of(frame) | (frame->owner == FRAME_OWNED_BY_GENERATOR ? 1U : 0U);
}

inline int offset_of(const PyCodeObject* code, std::uintptr_t instruction) {
  return static_cast<int>(static_cast<std::intptr_t>(instruction - first_instruction_of(code)));
}
inline PyObject* function_name_of(const PyCodeObject* code) {
  return code->co_qualname;
}

#endif

// --- calls of the evaluator, a C function, which runs one frame or many ---

#if PY_VERSION_HEX < 0x030B0000
// One: each frame is the last of its call.
inline bool ends_call(const InterpreterFrame*) {
  return true;
}
#elif PY_VERSION_HEX < 0x030C0000
inline bool ends_call(const InterpreterFrame* frame) {
  return frame->is_entry;
}
#else
inline bool ends_call(const InterpreterFrame* frame) {
  return frame->owner == FRAME_OWNED_BY_CSTACK;
}
#endif

// The frames of a thread, from the newest on, and something of the evaluator's call that runs each:
// what it keeps on the C stack.
class FrameWalk {
 public:
  explicit FrameWalk(const PyThreadState* thread) : frame_(newest_frame(thread)) {
#if PY_VERSION_HEX >= 0x030A0000 && PY_VERSION_HEX < 0x030C0000
    call_ = thread->cframe;
#endif
  }

  [[nodiscard]] const InterpreterFrame* frame() const {
    return frame_;
  }

  void go_on() {
#if PY_VERSION_HEX >= 0x030C0000
    if (frame_ == call_) call_ = nullptr;
#elif PY_VERSION_HEX >= 0x030A0000
    if (ends_call(frame_) && call_ != nullptr) call_ = call_->previous;
#endif
    frame_ = caller_of(frame_);
  }

  // 0: not known.
  std::uintptr_t call() {
#if PY_VERSION_HEX >= 0x030C0000
    // Looked for only where it is wanted: a call may run thousands of frames.
    if (call_ == nullptr) call_ = frame_;
    while (call_ != nullptr && !ends_call(call_)) call_ = caller_of(call_);
#endif
    return reinterpret_cast<std::uintptr_t>(call_);
  }

 private:
  const InterpreterFrame* frame_;
#if PY_VERSION_HEX >= 0x030A0000 && PY_VERSION_HEX < 0x030C0000
  decltype(PyThreadState::cframe) call_;
#else
  // Since 3.12, the frame that stands for the call from C.
  const InterpreterFrame* call_ = nullptr;
#endif
};

}  // namespace memtrace::python
