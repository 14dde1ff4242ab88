#include "runtime/unwind/unwinder.hpp"

#include <algorithm>
#include <iterator>

#include "runtime/unwind/frame_step.hpp"
#include "runtime/unwind/row_cache.hpp"

namespace memtrace::runtime {
namespace {

// Between this function and the hook's caller lie a handful of the runtime's own frames.
constexpr int kMostOwnFrames = 32;

// The registers that a function keeps for its caller, as they are at one instruction of it.
[[gnu::always_inline]] inline RegisterSet capture_registers() {
  std::uintptr_t values[8];
  asm volatile(
      "movq %%rbx, 0(%0)\n\t"
      "movq %%rbp, 8(%0)\n\t"
      "movq %%rsp, 16(%0)\n\t"
      "movq %%r12, 24(%0)\n\t"
      "movq %%r13, 32(%0)\n\t"
      "movq %%r14, 40(%0)\n\t"
      "movq %%r15, 48(%0)\n\t"
      "leaq 0(%%rip), %%rax\n\t"
      "movq %%rax, 56(%0)"
      :
      : "r"(values)
      : "rax", "memory");
  constexpr std::uint8_t kNumbers[] = {3, kRbp, kRsp, 12, 13, 14, 15, kReturnAddress};
  RegisterSet registers;
  for (std::size_t i = 0; i < std::size(kNumbers); ++i) registers.set(kNumbers[i], values[i]);
  return registers;
}

struct Position {
  RegisterSet registers;
  bool exact = true;
};

StepResult step(Position& position, StackMemory& memory) {
  const std::uintptr_t pc = position.registers[kReturnAddress];
  LocatedRules located;
  if (!find_rules(pc, position.exact, located)) return StepResult::cannot_follow;
  position.exact = located.rules.signal_frame;
  return step_frame(located, Wanted::all, position.registers, memory);
}

bool go_to(const Registers& start, Position& position, StackMemory& memory) {
  for (int i = 0; i < kMostOwnFrames && position.registers[kRsp] < start.sp; ++i) {
    if (step(position, memory) != StepResult::stepped) return false;
  }
  return position.registers[kRsp] == start.sp && position.registers[kReturnAddress] == start.pc;
}

}  // namespace

[[gnu::noinline]] UnwindResult unwind_with_all_registers(const Registers& start,
                                                         const StackBounds& bounds,
                                                         std::span<UnwoundFrame> frames) {
  UnwindResult result;
  result.truncated = true;
  StackMemory memory(bounds, {});
  Position position{capture_registers()};
  if (!go_to(start, position, memory)) return result;
  for (;;) {
    const std::uintptr_t pc = position.registers[kReturnAddress];
    if (pc == 0 && !position.exact) break;
    if (result.frames == frames.size()) return result;
    frames[result.frames++] = UnwoundFrame{pc, position.exact};
    const StepResult stepped = step(position, memory);
    if (stepped == StepResult::end_of_stack) break;
    if (stepped != StepResult::stepped) return result;
  }
  result.truncated = false;
  return result;
}

namespace {

constexpr std::uintptr_t kWord = sizeof(std::uintptr_t);
// What a row's CFA may take besides its return address: the saved rbp, and where the CFA is kept.
constexpr std::size_t kMostWordsOfCfa = 2;

enum class State : std::uint8_t { walking, ended, truncated, needs_all_registers };

// The frame that has been reached and is not in the result yet.
struct Walk {
  Walk(const Registers& start, const StackBounds& bounds, RowCache& rows,
       std::span<UnwoundFrame> into, std::span<ReadWord> words)
      : pc(start.pc),
        sp(start.sp),
        rbp(start.rbp),
        cache(rows),
        memory(bounds, words),
        frames(into) {}

  std::uintptr_t pc;
  std::uintptr_t sp;
  std::uintptr_t rbp;
  // Where rbp was saved, as long as nobody needed it: most of what is saved is never looked at, and
  // so it decides nothing. 0: `rbp` is its value.
  std::uintptr_t rbp_saved_at = 0;
  bool used_rbp = false;  // while nothing said where it was saved
  bool exact = false;
  State state = State::walking;
  RowCache& cache;
  StackMemory memory;
  std::span<UnwoundFrame> frames;
  std::size_t count = 0;
};

// A copy of what the fast path works on, so that it stays in registers.
template <bool kRecord>
class RowWalk {
 public:
  explicit RowWalk(Walk& walk)
      : walk_(walk),
        rows_(walk.cache.rows()),
        frame_(walk.frames.data() + walk.count),
        frames_end_(walk.frames.data() + walk.frames.size()),
        word_(walk.memory.next_word()),
        words_end_(word_ + walk.memory.word_room()),
        low_(walk.memory.window_low()),
        span_(walk.memory.window_span()),
        pc_(walk.pc),
        sp_(walk.sp),
        rbp_(walk.rbp),
        rbp_saved_at_(walk.rbp_saved_at) {}

  // Follows cached simple rows for as long as they are there.
  void run() {
    while (run_in_room()) {
    }
    put_back();
  }

 private:
  // Counts words as if they were frames: false only where something other than that was in the way.
  bool run_in_room() {
    const auto frames = static_cast<std::size_t>(frames_end_ - frame_);
    room_ = kRecord ? std::min(frames, static_cast<std::size_t>(words_end_ - word_)) : frames;
    if (room_ == 0) return false;
    std::uintptr_t address = lookup_address(pc_, false);
    Row* row = rows_ + RowCache::place_of(address);
    // Guessing the caller's row by the last one lets the processor run ahead: looking it up has to
    // wait for the return address to be loaded, frame after frame.
    for (Row* guess = row; room_ != 0; --room_) {
      if (guess->address != address) {
        guess = rows_ + RowCache::place_of(address);
        if (guess->address != address) return false;
        row->next = static_cast<std::uint16_t>(guess - rows_);
      }
      row = guess;
      std::uintptr_t cfa = sp_ + row->cfa * kWord;
      if (row->kind != RowKind::from_rsp && !find_cfa(*row, cfa)) return false;
      const std::uintptr_t return_address_at = cfa - kWord;
      if (return_address_at - low_ > span_) return false;
      *frame_++ = UnwoundFrame{pc_, false};
      pc_ = load_word(return_address_at);
      record(return_address_at, pc_);
      if (row->rbp != 0) rbp_saved_at_ = cfa - row->rbp * kWord;
      sp_ = cfa;
      address = lookup_address(pc_, false);
      guess = rows_ + row->next;
    }
    return true;
  }

  // For rows that are not from_rsp: false where this one has to be left to the slow path.
  bool find_cfa(const Row& row, std::uintptr_t& cfa) {
    if (row.kind == RowKind::end_of_stack) {
      *frame_++ = UnwoundFrame{pc_, false};
      walk_.state = State::ended;
      return false;
    }
    if (row.kind != RowKind::from_rbp && row.kind != RowKind::realigned) return false;
    if (kRecord) {
      if (static_cast<std::size_t>(words_end_ - word_) <= kMostWordsOfCfa) return false;
      room_ = std::max(room_, kMostWordsOfCfa + 1) - kMostWordsOfCfa;
    }
    if (rbp_saved_at_ != 0) {
      if (rbp_saved_at_ - low_ > span_) return false;
      rbp_ = load_word(rbp_saved_at_);
      record(rbp_saved_at_, rbp_);
      rbp_saved_at_ = 0;
    } else {
      walk_.used_rbp = true;
    }
    if (row.kind == RowKind::from_rbp) {
      cfa = rbp_ + row.cfa * kWord;
    } else {
      const auto offset = static_cast<std::intptr_t>(static_cast<std::int16_t>(row.cfa));
      const std::uintptr_t kept_at = rbp_ + static_cast<std::uintptr_t>(offset) * kWord;
      if (kept_at % kWord != 0 || kept_at - low_ > span_) return false;
      cfa = load_word(kept_at);
      record(kept_at, cfa);
    }
    if (cfa % kWord != 0 || cfa <= sp_ || cfa - kWord - low_ > span_) return false;
    if (row.kind == RowKind::realigned) rbp_saved_at_ = rbp_;
    return true;
  }

  void record(std::uintptr_t address, std::uintptr_t value) {
    if (kRecord) *word_++ = ReadWord{address, value};
  }

  void put_back() {
    walk_.count = static_cast<std::size_t>(frame_ - walk_.frames.data());
    walk_.memory.set_next_word(word_);
    walk_.pc = pc_;
    walk_.sp = sp_;
    walk_.rbp = rbp_;
    walk_.rbp_saved_at = rbp_saved_at_;
  }

  Walk& walk_;
  Row* rows_;
  UnwoundFrame* frame_;
  UnwoundFrame* frames_end_;
  ReadWord* word_;
  ReadWord* words_end_;
  std::size_t room_ = 0;
  std::uintptr_t low_;
  std::uintptr_t span_;
  std::uintptr_t pc_;
  std::uintptr_t sp_;
  std::uintptr_t rbp_;
  std::uintptr_t rbp_saved_at_;
};

void follow_rows(Walk& walk) {
  if (walk.exact) return;
  if (walk.memory.recorded_all()) {
    RowWalk<true>(walk).run();
  } else {
    RowWalk<false>(walk).run();
  }
}

// One frame by its rules, whatever they are.
void follow_rules(Walk& walk, const LocatedRules& located) {
  RegisterSet registers;
  if (walk.rbp_saved_at != 0 && !walk.memory.read(walk.rbp_saved_at, walk.rbp)) {
    walk.state = State::truncated;
    return;
  }
  if (walk.rbp_saved_at == 0) walk.used_rbp = true;
  walk.rbp_saved_at = 0;
  registers.set(kRsp, walk.sp);
  registers.set(kRbp, walk.rbp);
  registers.set(kReturnAddress, walk.pc);
  switch (step_frame(located, Wanted::pc_sp_rbp, registers, walk.memory)) {
    case StepResult::stepped:
      walk.pc = registers[kReturnAddress];
      walk.sp = registers[kRsp];
      walk.rbp = registers[kRbp];
      walk.exact = located.rules.signal_frame;
      return;
    case StepResult::end_of_stack:
      walk.state = State::ended;
      return;
    case StepResult::unknown_register:
      walk.state = State::needs_all_registers;
      return;
    case StepResult::cannot_follow:
      walk.state = State::truncated;
      return;
  }
}

// Whether all that kept the fast path from a cached row was that the window had to be moved.
bool moved_window(Walk& walk, const Row& row) {
  if (row.kind != RowKind::from_rsp) return false;
  const std::uintptr_t return_address_at = walk.sp + row.cfa * kWord - kWord;
  return !walk.memory.in_window(return_address_at) && walk.memory.reach(return_address_at);
}

// Takes the frame that the fast path stopped at.
[[gnu::noinline]] void follow_other(Walk& walk) {
  if (walk.pc == 0 && !walk.exact) {
    walk.state = State::ended;
    return;
  }
  if (walk.memory.recorded_all() && walk.memory.word_room() == 0) {
    walk.memory.stop_recording();
    return;
  }
  if (walk.count == walk.frames.size()) {
    walk.state = State::truncated;
    return;
  }
  const std::uintptr_t address = lookup_address(walk.pc, walk.exact);
  const Row* known = walk.cache.find(address);
  if (known == nullptr) {
    Row row;
    if (find_shared_row(address, walk.cache.generation(), row)) {
      walk.cache.put(row);
      return;
    }
  }
  if (known != nullptr && moved_window(walk, *known)) return;
  LocatedRules located;
  const bool outermost = known != nullptr && known->kind == RowKind::end_of_stack;
  if (!outermost && !find_rules(walk.pc, walk.exact, located)) {
    walk.state = State::truncated;
    // Where it starts is given; what was read from the stack since may be anything.
    if (walk.count != 0) return;
  } else if (known == nullptr) {
    const Row row = compile_row(located, address);
    put_shared_row(row, walk.cache.generation());
    walk.cache.put(row);
  }
  walk.frames[walk.count++] = UnwoundFrame{walk.pc, walk.exact};
  if (outermost) walk.state = State::ended;
  if (walk.state == State::walking) follow_rules(walk, located);
}

}  // namespace

UnwindResult unwind(const Registers& start, const StackBounds& bounds, RowCache& cache,
                    std::span<UnwoundFrame> frames, std::span<ReadWord> words) {
  cache.refresh();
  Walk walk(start, bounds, cache, frames, words);
  walk.memory.reach(start.sp);
  while (walk.state == State::walking) {
    follow_rows(walk);
    if (walk.state == State::walking) follow_other(walk);
  }
  if (walk.state == State::needs_all_registers) {
    return unwind_with_all_registers(start, bounds, frames);
  }
  UnwindResult result;
  result.frames = static_cast<std::uint32_t>(walk.count);
  result.truncated = walk.state == State::truncated;
  result.repeatable = walk.memory.recorded_all();
  result.used_rbp = walk.used_rbp;
  if (result.repeatable) result.words = static_cast<std::uint32_t>(walk.memory.recorded());
  return result;
}

}  // namespace memtrace::runtime
