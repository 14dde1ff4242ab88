#include "python/extension/front_end.hpp"

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>
#include <link.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "python/extension/frame_access.hpp"
#include "python/extension/references.hpp"
#include "runtime/container/keyed_hash.hpp"

// Until 3.11 some macros are C's.
#pragma GCC diagnostic ignored "-Wold-style-cast"

namespace memtrace::python {

namespace {

// --- the lines of a code's instructions ---

std::uint32_t line_from_the_start(PyCodeObject* code, int offset) {
  const int line = PyCode_Addr2Line(code, offset);
  return line < 0 ? 0 : static_cast<std::uint32_t>(line);
}

#if PY_VERSION_HEX >= 0x030B0000

// Of the entries that a location table consists of: one for some instructions in a row. PEP 626,
// and Objects/locations.md of CPython, describe them.
enum EntryKind : std::uint8_t {
  one_line_below = 11,
  two_lines_below = 12,
  without_columns = 13,
  long_form = 14,
  without_line = 15,
};

constexpr unsigned kFirstByte = 0x80;
constexpr int kUnit = 2;  // bytes of what entries count

int read_signed(const std::uint8_t* byte) {
  constexpr unsigned kMore = 0x40, kBits = 6;
  unsigned value = *byte & (kMore - 1);
  for (unsigned shift = kBits; (*byte & kMore) != 0; shift += kBits) {
    value |= (*++byte & (kMore - 1)) << shift;
  }
  const int magnitude = static_cast<int>(value >> 1);
  return (value & 1) != 0 ? -magnitude : magnitude;
}

// A place in a code's location table, which has to be read from its beginning: that of a module of
// some thousand instructions, whose code runs from its first to its last, over and over.
class LineCursor {
 public:
  LineCursor() = default;
  LineCursor(PyCodeObject* code, std::uint32_t era)
      : code_(code),
        era_(era),
        next_(reinterpret_cast<const std::uint8_t*>(PyBytes_AS_STRING(code->co_linetable))),
        limit_(next_ + PyBytes_GET_SIZE(code->co_linetable)),
        computed_line_(code->co_firstlineno) {}

  [[nodiscard]] bool is_before(const PyCodeObject* code, int offset, std::uint32_t era) const {
    return code_ == code && era_ == era && begin_ <= offset;
  }
  std::uint32_t advance_to(int offset) {
    while (end_ <= offset && next_ < limit_) read_entry();
    return end_ <= offset || line_ < 0 ? 0 : static_cast<std::uint32_t>(line_);
  }

 private:
  void read_entry() {
    const unsigned first = *next_;
    const unsigned kind = first >> 3 & 0xF;
    switch (kind) {
      case one_line_below:
        computed_line_ += 1;
        break;
      case two_lines_below:
        computed_line_ += 2;
        break;
      case without_columns:
      case long_form:
        computed_line_ += read_signed(next_ + 1);
        break;
      default:
        break;
    }
    line_ = kind == without_line ? -1 : computed_line_;
    begin_ = end_;
    end_ += static_cast<int>((first & 7) + 1) * kUnit;
    do ++next_;
    while (next_ < limit_ && (*next_ & kFirstByte) == 0);
  }

  const PyCodeObject* code_ = nullptr;
  std::uint32_t era_ = 0;
  const std::uint8_t* next_ = nullptr;
  const std::uint8_t* limit_ = nullptr;
  int computed_line_ = 0;
  // Of the entry before `next_`: offsets in bytes, and its line.
  int begin_ = 0, end_ = 0;
  int line_ = -1;
};

constinit std::array<LineCursor, 64> cursors;

#endif

// 0: it has none. `offset` is in bytes. What was read of a code's table is remembered for the next
// instruction of it that is asked for, as long as `era` is the same; era 0: nothing is. One caller
// at a time.
std::uint32_t line_at(PyCodeObject* code, int offset, [[maybe_unused]] std::uint32_t era) {
#if PY_VERSION_HEX >= 0x030B0000
  if (era == 0 || offset < 0) return line_from_the_start(code, offset);
  LineCursor& cursor =
      cursors[runtime::scatter(reinterpret_cast<std::uintptr_t>(code)) % cursors.size()];
  if (!cursor.is_before(code, offset, era)) cursor = LineCursor(code, era);
  return cursor.advance_to(offset);
#else
  return line_from_the_start(code, offset);
#endif
}

// --- Python's strings as the tracer's text, UTF-8 in which lone surrogates are allowed ---

// One code point, of at most four bytes.
char* put(char* to, Py_UCS4 point) {
  const auto byte = [](Py_UCS4 bits) { return static_cast<char>(bits); };
  const auto rest = [&](unsigned shift) { return byte(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) {
    *to++ = byte(point);
  } else if (point < 0x800) {
    *to++ = byte(0xC0 | point >> 6);
    *to++ = rest(0);
  } else if (point < 0x10000) {
    *to++ = byte(0xE0 | point >> 12);
    *to++ = rest(6);
    *to++ = rest(0);
  } else {
    *to++ = byte(0xF0 | point >> 18);
    *to++ = rest(12);
    *to++ = rest(6);
    *to++ = rest(0);
  }
  return to;
}

bool is_ready(PyObject* string) {
#if PY_VERSION_HEX < 0x030C0000
  return PyUnicode_Check(string) && PyUnicode_IS_READY(string);
#else
  return PyUnicode_Check(string);
#endif
}

// ASCII is used where it lies. Others are put into `room`, of SourceDescription::kRoom bytes; what
// does not fit is cut. Allocates nothing, needs no GIL. "<unknown>" of what is no string.
std::string_view utf8_of(PyObject* string, char* room) {
  constexpr std::ptrdiff_t kLongest = 4;
  if (string == nullptr || !is_ready(string)) return "<unknown>";
  const auto kind = PyUnicode_KIND(string);
  const void* const data = PyUnicode_DATA(string);
  const Py_ssize_t length = PyUnicode_GET_LENGTH(string);
  if (PyUnicode_IS_COMPACT_ASCII(string) &&
      length <= static_cast<Py_ssize_t>(runtime::SourceDescription::kRoom) - kLongest) {
    return {static_cast<const char*>(data), static_cast<std::size_t>(length)};
  }
  const char* const end = room + runtime::SourceDescription::kRoom - kLongest;
  char* to = room;
  for (Py_ssize_t i = 0; i < length && to < end; ++i) to = put(to, PyUnicode_READ(kind, data, i));
  return {room, static_cast<std::size_t>(to - room)};
}

// --- frames and stacks ---

using runtime::FoundStack;
using runtime::InterpretedFrame;
using runtime::SourceDescription;
using runtime::StackQuery;

PyInterpreterState* main_interpreter = nullptr;
std::uintptr_t evaluator_begin = 0, evaluator_end = 0;
std::string_view package_folder;  // with the slash

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
std::uint32_t count_frames(bool count_all, std::uint32_t frames, const InterpreterFrame* frame,
                           Next next) {
  if (!count_all) return frames + (frame == nullptr ? 0 : 1);
  for (; frame != nullptr && frames < runtime::kMostInterpretedFrames; ++frames) {
    frame = next(frame);
  }
  return frames;
}

// The same, and which call of the evaluator runs each: two stacks that have the same frames may
// have others between them. `calls` have been passed before.
std::uint32_t add_frames_and_calls(const StackQuery& query, const InterpreterFrame*& frame,
                                   std::uint64_t calls, runtime::PairHash& hash) {
  std::uint32_t frames = 0;
  for (; frame != nullptr && frames < query.limit; frame = caller_of(frame)) {
    if (may_be_complete(frame)) {
      ++frames;
      hash.add(instruction_of(frame),
               kInstructionTellsCode ? calls : reinterpret_cast<std::uintptr_t>(code_of(frame)));
    }
    if (ends_call(frame)) ++calls;
  }
  while (frame != nullptr && !may_be_complete(frame)) frame = caller_of(frame);
  return frames;
}

// Recursion differs in its depth; what a function is called for, by one line or another, in its
// caller. Stacks that differ in none of these are rarely met in turn.
std::uint64_t hint_of(const PyThreadState* thread, const InterpreterFrame* newest) {
  constexpr unsigned kDepthShift = 48, kCallerShift = 20;
  std::uint64_t hint = instruction_of(newest) ^ depth_of(thread) << kDepthShift;
  const InterpreterFrame* const caller = caller_of(newest);
  if (caller != nullptr) hint ^= instruction_of(caller) << kCallerShift;
  return hint;
}

// What tells a frame: its instruction alone, or its code as well.
constexpr std::size_t kWordsOfFrame = kInstructionTellsCode ? 1 : 2;

bool is_of(const std::uint64_t* words, const InterpreterFrame* frame, std::uintptr_t instruction) {
  if (words[0] != instruction) return false;
  return kInstructionTellsCode || words[1] == reinterpret_cast<std::uintptr_t>(code_of(frame));
}

// After the last frame's words: no instruction. A comparison ends there without counting frames.
constexpr std::uint64_t kNoInstruction = std::uint64_t{1} << 63;

bool is_in(const runtime::RecentStack& stack, const InterpreterFrame* newest) {
  const std::uint64_t* word = stack.words;
  if (!is_of(word, newest, newest_identity(newest))) return false;
  const InterpreterFrame* frame = newest;
  do {
    word += kWordsOfFrame;
    frame = next_caller(frame);
  } while (frame != nullptr && is_of(word, frame, instruction_of(frame)));
  if (word != stack.words + stack.frames * kWordsOfFrame) return false;
  if (frame == nullptr) return stack.all == stack.frames;
  return count_frames(stack.count_all, stack.frames, frame, next_caller) == stack.all;
}

std::uint32_t recall(const runtime::RecentStacks& recent, runtime::RecentKey key, bool holds_lock) {
  const PyThreadState* const thread = this_thread(holds_lock);
  if (thread == nullptr) return 0;
  const InterpreterFrame* const newest = newest_frame(thread);
  if (newest == nullptr) return 0;
  for (const runtime::RecentStack& stack : recent.set_of(hint_of(thread, newest))) {
    if (stack.key == key && is_in(stack, newest) && stack.record != 0) return stack.record;
  }
  return 0;
}

// All but the key and the record. The newest frame may be incomplete, then `complete` is its
// caller.
runtime::RecentStack* remember(const StackQuery& query, const PyThreadState* thread,
                               const InterpreterFrame* complete, const FoundStack& found) {
  const InterpreterFrame* frame = newest_frame(thread);
  const std::uint32_t skipped = frame == complete ? 0 : 1;
  if (skipped != 0 && (!may_be_complete(frame) || next_caller(frame) != complete)) return nullptr;
  const std::uint32_t frames = skipped + found.frames;
  if (frames >= runtime::RecentStack::kRoom / kWordsOfFrame) return nullptr;
  runtime::RecentStack& stack = query.recent->replace(hint_of(thread, frame));
  std::uintptr_t instruction = newest_identity(frame);
  std::uint64_t* word = stack.words;
  for (stack.frames = 0; stack.frames < frames; ++stack.frames) {
    *word++ = instruction;
    if constexpr (!kInstructionTellsCode)
      *word++ = reinterpret_cast<std::uintptr_t>(code_of(frame));
    frame = next_caller(frame);
    if (frame != nullptr) instruction = instruction_of(frame);
  }
  *word = kNoInstruction;
  stack.all = skipped + found.all;
  stack.count_all = query.count_all;
  return &stack;
}

std::uint64_t count_calls(const InterpreterFrame* from, const InterpreterFrame* to) {
  std::uint64_t calls = 0;
  for (; from != to; from = caller_of(from)) calls += ends_call(from) ? 1U : 0U;
  return calls;
}

bool walk(const StackQuery& query, FoundStack& found) {
  const PyThreadState* const thread = this_thread(query.holds_lock);
  if (thread == nullptr) return false;
  // Often enough to notice, and seldom enough to cost nothing.
  if (query.holds_lock) keep_references();
  const InterpreterFrame* const newest = next_complete(newest_frame(thread));
  const InterpreterFrame* frame = newest;
  if (frame == nullptr) return false;
  runtime::PairHash hash(query.hash_keys);
  if (query.with_calls) [[unlikely]] {
    const std::uint64_t calls = count_calls(newest_frame(thread), frame);
    found.frames = add_frames_and_calls(query, frame, calls, hash);
  } else {
    found.frames = add_frames(query, frame, hash);
  }
  found.all = count_frames(query.count_all, found.frames, frame, next_caller);
  hash.add(query.salt, std::uint64_t{found.frames} << 32 | found.all);
  found.hash = hash.finish() | 1;
  if (query.recent != nullptr) found.recent = remember(query, thread, newest, found);
  return true;
}

const InterpreterFrame* next_complete_caller(const InterpreterFrame* frame) {
  return next_complete(caller_of(frame));
}

FoundStack collect_with_calls(const StackQuery& query, FrameWalk position,
                              InterpretedFrame* frames) {
  FoundStack found;
  for (; position.frame() != nullptr && found.frames < query.limit; position.go_on()) {
    const InterpreterFrame* const frame = position.frame();
    if (!is_complete(frame)) continue;
    frames[found.frames++] = {reinterpret_cast<std::uintptr_t>(code_of(frame)),
                              instruction_of(frame), position.call()};
  }
  found.all = count_frames(query.count_all, found.frames, next_complete(position.frame()),
                           next_complete_caller);
  return found;
}

FoundStack collect(const StackQuery& query, InterpretedFrame* frames) {
  const PyThreadState* const thread = this_thread(query.holds_lock);
  if (thread == nullptr) return {};
  if (query.with_calls) return collect_with_calls(query, FrameWalk(thread), frames);
  FoundStack found;
  const InterpreterFrame* frame = next_complete(newest_frame(thread));
  for (; frame != nullptr && found.frames < query.limit; frame = next_complete_caller(frame)) {
    frames[found.frames++] = {reinterpret_cast<std::uintptr_t>(code_of(frame)),
                              instruction_of(frame)};
  }
  found.all = count_frames(query.count_all, found.frames, frame, next_complete_caller);
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
  description.line = line_at(code, offset_of(code, frame.instruction), description.era);
}

// Blocks of the package's own lines. Not those that run a program: what they compile is its code.
bool is_own(const InterpretedFrame& frame, char* room) {
  constexpr std::string_view kRunner = "running.py";
  const std::string_view file = utf8_of(code_at(frame.code)->co_filename, room);
  return !package_folder.empty() && file.starts_with(package_folder) &&
         file.substr(package_folder.size()) != kRunner;
}

// What the compiler has split off as cold is not known.
bool is_evaluator(std::uintptr_t pc) {
  return pc > evaluator_begin && pc <= evaluator_end;
}

void find_evaluator() {
  const auto begin = reinterpret_cast<void*>(_PyEval_EvalFrameDefault);
  Dl_info library;
  void* symbol = nullptr;
  if (dladdr1(begin, &library, &symbol, RTLD_DL_SYMENT) == 0 || symbol == nullptr) return;
  evaluator_begin = reinterpret_cast<std::uintptr_t>(begin);
  evaluator_end = evaluator_begin + static_cast<const ElfW(Sym)*>(symbol)->st_size;
}

// The package's modules lie where this one does.
void find_package() {
  Dl_info library;
  if (dladdr(reinterpret_cast<void*>(find_package), &library) == 0) return;
  const std::string_view path = library.dli_fname;
  package_folder = path.substr(0, path.rfind('/') + 1);
}

}  // namespace

const runtime::FrontEnd kFrontEnd = {recall, walk, collect, describe, is_own, is_evaluator};

void remember_main_interpreter() {
  main_interpreter = PyInterpreterState_Main();
  find_evaluator();
  find_package();
}

}  // namespace memtrace::python
