#include "runtime/tracer/stack_records.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace memtrace::runtime {
namespace {

// A tree of frames that hands out its nodes, as the table of tracebacks does.
class Tree {
 public:
  std::uint32_t node_of(std::uint32_t parent, const InterpretedFrame& frame) {
    const auto next = static_cast<std::uint32_t>(nodes_.size() + 1);
    return nodes_.try_emplace({parent, {frame.code, frame.instruction}}, next).first->second;
  }

 private:
  std::map<std::pair<std::uint32_t, std::pair<std::uintptr_t, std::uintptr_t>>, std::uint32_t>
      nodes_;
};

// Most recent first.
using Frames = std::vector<InterpretedFrame>;

// Outermost first.
std::vector<std::uint32_t> nodes_of(Tree& tree, const Frames& frames) {
  std::vector<std::uint32_t> nodes;
  std::uint32_t node = 0;
  for (std::size_t i = frames.size(); i-- > 0;) {
    node = tree.node_of(node, frames[i]);
    nodes.push_back(node);
  }
  return nodes;
}

// Adds the frames below what is known of them, after a check of that.
KnownPaths::Begin add(KnownPaths& paths, Tree& tree, const Frames& frames, std::uint32_t era) {
  const KnownPaths::Begin begin = paths.begin_of(frames, era);
  const std::vector<std::uint32_t> nodes = nodes_of(tree, frames);
  REQUIRE(begin.depth <= nodes.size());
  CHECK(begin.node == (begin.depth == 0 ? 0 : nodes[begin.depth - 1]));
  paths.put(frames, era, begin, std::span(nodes).subspan(begin.depth));
  return begin;
}

TEST_CASE("a stack that begins like the last one is known that far") {
  const auto paths = std::make_unique<KnownPaths>();
  Tree tree;
  Frames frames;
  for (std::uintptr_t i = 0; i < 20; ++i) frames.push_back({i / 2, i});
  CHECK(add(*paths, tree, frames, 1).depth == 0);
  CHECK(add(*paths, tree, frames, 1).depth == 20);
  frames[4].instruction = 100;
  CHECK(add(*paths, tree, frames, 1).depth == 15);
  frames[4].code = 100;
  CHECK(add(*paths, tree, frames, 1).depth == 15);
  frames.erase(frames.begin(), frames.begin() + 7);
  CHECK(add(*paths, tree, frames, 1).depth == 13);
  // What was forgotten is not known.
  CHECK(add(*paths, tree, frames, 2).depth == 0);
  CHECK(add(*paths, tree, {}, 2).depth == 0);
}

TEST_CASE("what is known of random stacks is true") {
  std::mt19937_64 random(5);
  const auto paths = std::make_unique<KnownPaths>();
  Tree tree;
  Frames frames;
  std::size_t known = 0, all = 0;
  for (std::uint32_t step = 0; step < 3000; ++step) {
    // Most stacks differ from the one before in a few of the newest frames, some are others.
    const std::size_t gone = random() % 20 == 0 ? frames.size() : random() % 8;
    for (std::size_t i = std::min(gone, frames.size()); i > 0; --i) frames.erase(frames.begin());
    for (std::size_t more = random() % 9; more > 0 && frames.size() < 90; --more) {
      frames.insert(frames.begin(), {random() % 3, random() % 4});
    }
    known += add(*paths, tree, frames, 1 + step / 700).depth;
    all += frames.size();
  }
  CHECK(known > all / 4);
  CHECK(known < all);
}

}  // namespace
}  // namespace memtrace::runtime
