#include "runtime/stacks/merged_frames.hpp"

namespace memtrace::runtime {
namespace {

class Merge {
 public:
  Merge(const MachineFrames& machine, std::span<const InterpretedFrame> frames,
        bool (*is_evaluator)(std::uintptr_t pc), std::span<MergedFrame> into)
      : machine_(machine), frames_(frames), is_evaluator_(is_evaluator), into_(into) {}

  std::uint32_t run() {
    for (std::uint32_t i = 0; i < machine_.frames.size(); ++i) {
      const std::uint32_t end = end_of_frames_that_run_in(i);
      if (end == next_) put({true, i});
      put_interpreted(end);
    }
    put_interpreted(static_cast<std::uint32_t>(frames_.size()));
    return count_;
  }

 private:
  // Of the frames that are left: behind the last one that this frame of the machine runs.
  [[nodiscard]] std::uint32_t end_of_frames_that_run_in(std::uint32_t machine_frame) const {
    if (next_ == frames_.size()) return next_;
    if (frames_[next_].call == 0 || machine_frame >= machine_.ends.size()) {
      return is_evaluator_(machine_.frames[machine_frame].pc) ? end_of_call(next_) : next_;
    }
    const std::uintptr_t end = machine_.ends[machine_frame];
    std::uintptr_t begin = machine_frame == 0 ? machine_.begin : machine_.ends[machine_frame - 1];
    // A signal's handler has a stack of its own, anywhere.
    if (begin > end) begin = 0;
    std::uint32_t found = next_;
    // What lies before it belongs to frames that could not be told: it is late already.
    for (std::uint32_t i = next_; i < frames_.size() && frames_[i].call < end; ++i) {
      if (frames_[i].call >= begin) found = i + 1;
    }
    return found;
  }

  [[nodiscard]] std::uint32_t end_of_call(std::uint32_t first) const {
    std::uint32_t end = first + 1;
    const std::uintptr_t call = frames_[first].call;
    while (call != 0 && end < frames_.size() && frames_[end].call == call) ++end;
    return end;
  }

  void put_interpreted(std::uint32_t end) {
    for (; next_ < end; ++next_) put({false, next_});
  }
  void put(const MergedFrame& frame) {
    if (count_ < into_.size()) into_[count_++] = frame;
  }

  MachineFrames machine_;
  std::span<const InterpretedFrame> frames_;
  bool (*is_evaluator_)(std::uintptr_t pc);
  std::span<MergedFrame> into_;
  std::uint32_t next_ = 0;  // of frames_
  std::uint32_t count_ = 0;
};

}  // namespace

std::span<const std::uintptr_t> find_frame_ends(std::span<const UnwoundFrame> frames,
                                                std::span<const ReadWord> words,
                                                std::span<std::uintptr_t> ends) {
  std::size_t found = 0;
  for (const ReadWord& word : words) {
    if (found + 1 >= frames.size() || found == ends.size()) break;
    if (word.value == frames[found + 1].pc) ends[found++] = word.address + sizeof(std::uintptr_t);
  }
  return ends.first(found);
}

std::uint32_t merge_frames(const MachineFrames& machine, std::span<const InterpretedFrame> frames,
                           bool (*is_evaluator)(std::uintptr_t pc), std::span<MergedFrame> into) {
  return Merge(machine, frames, is_evaluator, into).run();
}

}  // namespace memtrace::runtime
