#include "python/extension/front_end.hpp"

#include "python/extension/frame_access.hpp"
#include "python/extension/text.hpp"
#include "runtime/container/keyed_hash.hpp"

namespace memtrace::python {
namespace {

using runtime::FoundStack;
using runtime::InterpretedFrame;
using runtime::SourceDescription;
using runtime::StackQuery;

PyInterpreterState* main_interpreter = nullptr;

// nullptr where the thread runs nothing of the main interpreter. Without the GIL its frames do not
// move, but when the interpreter goes down another thread may free them.
PyThreadState* this_thread(bool holds_lock) {
  PyThreadState* const thread = holds_lock ? current_thread() : PyGILState_GetThisThreadState();
  if (thread == nullptr || thread->interp != main_interpreter) return nullptr;
  if (!holds_lock && thread != current_thread() && is_finalizing()) return nullptr;
  return thread;
}

const InterpreterFrame* next_complete(const InterpreterFrame* frame) {
  while (frame != nullptr && !is_complete(frame)) frame = caller_of(frame);
  return frame;
}

// A caller: see may_be_complete().
const InterpreterFrame* next_caller(const InterpreterFrame* frame) {
  frame = caller_of(frame);
  while (frame != nullptr && !may_be_complete(frame)) frame = caller_of(frame);
  return frame;
}

// Adds the frames up to the limit, two at a time; `frame` becomes the first one beyond.
std::uint32_t add_frames(const StackQuery& query, const InterpreterFrame*& frame,
                         runtime::PairHash& hash) {
  std::uint32_t frames = 0;
  while (frame != nullptr && frames < query.limit) {
    const std::uintptr_t first = instruction_of(frame);
    if constexpr (!kInstructionTellsCode) {
      hash.add(reinterpret_cast<std::uintptr_t>(code_of(frame)), first);
      frame = next_caller(frame);
      ++frames;
      continue;
    }
    frame = next_caller(frame);
    if (frame == nullptr || frames + 1 == query.limit) {
      hash.add(first, 0);
      return frames + 1;
    }
    hash.add(first, instruction_of(frame));
    frame = next_caller(frame);
    frames += 2;
  }
  return frames;
}

// Of `frames` and those from `frame` on: all, or one more than are kept.
template <class Next>
std::uint32_t count_frames(const StackQuery& query, std::uint32_t frames,
                           const InterpreterFrame* frame, Next next) {
  if (!query.count_all) return frames + (frame == nullptr ? 0 : 1);
  for (; frame != nullptr && frames < runtime::kMostInterpretedFrames; ++frames) {
    frame = next(frame);
  }
  return frames;
}

bool walk(const StackQuery& query, FoundStack& found) {
  const PyThreadState* const thread = this_thread(query.holds_lock);
  if (thread == nullptr) return false;
  const InterpreterFrame* frame = next_complete(newest_frame(thread));
  if (frame == nullptr) return false;
  runtime::PairHash hash(query.hash_keys);
  found.frames = add_frames(query, frame, hash);
  found.all = count_frames(query, found.frames, frame, next_caller);
  hash.add(query.salt, std::uint64_t{found.frames} << 32 | found.all);
  found.hash = hash.finish() | 1;
  return true;
}

FoundStack collect(const StackQuery& query, InterpretedFrame* frames) {
  const PyThreadState* const thread = this_thread(query.holds_lock);
  if (thread == nullptr) return {};
  const auto next = [](const InterpreterFrame* of) { return next_complete(caller_of(of)); };
  FoundStack found;
  const InterpreterFrame* frame = next_complete(newest_frame(thread));
  for (; frame != nullptr && found.frames < query.limit; ++found.frames) {
    frames[found.frames] = {reinterpret_cast<std::uintptr_t>(code_of(frame)),
                            instruction_of(frame)};
    frame = next(frame);
  }
  found.all = count_frames(query, found.frames, frame, next);
  return found;
}

PyCodeObject* code_at(std::uintptr_t address) {
  return reinterpret_cast<PyCodeObject*>(address);
}

// Neither reads what another thread may change: the frame keeps its code, the code its names.
void describe(const InterpretedFrame& frame, SourceDescription& description) {
  PyCodeObject* const code = code_at(frame.code);
  description.file = utf8_of(code->co_filename, description.room);
  description.function =
      utf8_of(function_name_of(code), description.room + SourceDescription::kRoom);
  const int line = PyCode_Addr2Line(code, offset_of(code, frame.instruction));
  description.line = line < 0 ? 0 : static_cast<std::uint32_t>(line);
}

}  // namespace

const runtime::FrontEnd kFrontEnd = {walk, collect, describe};

void remember_main_interpreter() {
  main_interpreter = PyInterpreterState_Main();
}

}  // namespace memtrace::python
