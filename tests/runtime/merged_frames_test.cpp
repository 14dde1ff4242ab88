#include "runtime/tracer/stack_records.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace memtrace::runtime {
namespace {

constexpr std::uintptr_t kEvaluator = 1000;

bool is_evaluator(std::uintptr_t pc) {
  return pc == kEvaluator;
}

// Frames of the machine by pc, in stack frames of 16 bytes each from 0x100 on; the interpreter's by
// their calls. "m0 p0 p1 ...".
std::string merged(const std::vector<std::uintptr_t>& pcs, const std::vector<std::uintptr_t>& calls,
                   std::size_t known_ends) {
  std::vector<UnwoundFrame> machine;
  std::vector<std::uintptr_t> ends;
  for (const std::uintptr_t pc : pcs) {
    machine.push_back({pc});
    ends.push_back(0x110 + 0x10 * ends.size());
  }
  ends.resize(known_ends);
  std::vector<InterpretedFrame> frames;
  for (const std::uintptr_t call : calls) frames.push_back({1, frames.size(), call});
  std::vector<MergedFrame> into(pcs.size() + calls.size());
  const std::uint32_t count = merge_frames({machine, 0x100, ends}, frames, is_evaluator, into);
  std::string text;
  for (const MergedFrame& frame : std::span(into).first(count)) {
    text += (text.empty() ? "" : " ") + std::string(frame.is_machine ? "m" : "p") +
            std::to_string(frame.index);
  }
  return text;
}

TEST_CASE("a call of the evaluator stands for all frames that it runs") {
  CHECK(merged({1, 2, 3}, {}, 3) == "m0 m1 m2");
  CHECK(merged({1, 2, 3}, {0x118}, 3) == "m0 p0 m2");
  CHECK(merged({1, 2, 3}, {0x118, 0x118, 0x118}, 3) == "m0 p0 p1 p2 m2");
  CHECK(merged({1, 2, 3, 4}, {0x100, 0x12F}, 4) == "p0 m1 p1 m3");
  // Its first word and the one behind its last.
  CHECK(merged({1, 2, 3}, {0x110}, 3) == "m0 p0 m2");
  CHECK(merged({1, 2, 3}, {0x120}, 3) == "m0 m1 p0");
}

TEST_CASE("frames of calls that are not found lose nothing") {
  CHECK(merged({1, 2}, {0x118, 0x500, 0x900}, 2) == "m0 p0 p1 p2");
  CHECK(merged({1, 2, 3}, {0x50, 0x118}, 3) == "m0 p0 p1 m2");
  CHECK(merged({}, {0x118}, 0) == "p0");
}

TEST_CASE("where nothing tells the calls' places, the evaluator's address does") {
  const std::uintptr_t e = kEvaluator;
  CHECK(merged({1, e, 2, e, 3}, {0, 0}, 5) == "m0 p0 m2 p1 m4");
  CHECK(merged({1, e, 2, e, 3}, {0x118, 0x118, 0x138}, 0) == "m0 p0 p1 m2 p2 m4");
  CHECK(merged({1, e, 2, e, 3}, {0x118, 0x118, 0x138}, 2) == "m0 p0 p1 m2 p2 m4");
}

TEST_CASE("what was read from the stack says where frames end") {
  const std::vector<UnwoundFrame> frames = {{10}, {20}, {30}, {30}, {40}};
  // A saved register between the return addresses.
  const std::vector<ReadWord> words = {{0x108, 20}, {0x110, 7},  {0x118, 30},
                                       {0x128, 30}, {0x138, 40}, {0x148, 50}};
  std::vector<std::uintptr_t> room(frames.size());
  const auto ends = find_frame_ends(frames, words, room);
  CHECK(std::vector(ends.begin(), ends.end()) ==
        std::vector<std::uintptr_t>{0x110, 0x120, 0x130, 0x140});
  CHECK(find_frame_ends(frames, {}, room).empty());
  CHECK(find_frame_ends({}, words, room).empty());
}

}  // namespace
}  // namespace memtrace::runtime
