// Trees, and --cumulative, beside a naive model of both on generated snapshots.
#include "mtrace/tree.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

using Path = std::vector<std::string>;  // "FILE:LINE", oldest first

struct Block {
  int domain = 0;
  Amount amount;
  Path path;
};

struct Sums {
  Amount own, total;
  bool operator==(const Sums&) const = default;
};

void add(Amount& to, const Amount& amount) {
  to.size += amount.size;
  to.count += amount.count;
}

std::string text_of(const std::vector<Block>& blocks) {
  std::string text;
  for (const Block& block : blocks) {
    text += std::to_string(block.domain) + " " + std::to_string(block.amount.size) + " " +
            std::to_string(block.amount.count);
    for (const std::string& frame : block.path) text += " " + frame;
    text += "\n";
  }
  return text;
}

// Few files and lines, so that callers recur and tracebacks share frames.
std::vector<Block> made_up(std::mt19937& random) {
  const auto below = [&](std::uint32_t end) { return static_cast<int>(random() % end); };
  std::vector<Block> blocks(static_cast<std::size_t>(below(30)) + 1);
  for (Block& block : blocks) {
    block.domain = below(2);
    block.amount = {below(1000), 1 + below(9)};
    for (int left = 1 + below(7); left > 0; --left) {
      block.path.push_back(std::string(1, static_cast<char>('a' + below(4))) + ":" +
                           std::to_string(1 + below(3)));
    }
  }
  return blocks;
}

bool is_of(const std::string& frame, std::string_view file) {
  return frame.substr(0, frame.find(':')) == file;
}

// A selection, and what it means: one letter is a file.
struct Question {
  std::string hidden, included, excluded;
  bool all_frames = false;
  bool one_domain = false;

  [[nodiscard]] Selection selection() const {
    Selection selection;
    if (!hidden.empty()) selection.hide.emplace_back(hidden);
    if (!included.empty()) selection.include.emplace_back(included);
    if (!excluded.empty()) selection.exclude.emplace_back(excluded);
    selection.all_frames = all_frames;
    if (one_domain) selection.domain = "1";
    return selection;
  }

  [[nodiscard]] bool matches(const Path& path, const std::string& file) const {
    if (!all_frames) return is_of(path.back(), file);
    return std::any_of(path.begin(), path.end(),
                       [&](const std::string& frame) { return is_of(frame, file); });
  }

  // The blocks that are selected, with the frames that are visible.
  [[nodiscard]] std::vector<Block> answer(std::vector<Block> blocks) const {
    for (Block& block : blocks) {
      std::erase_if(block.path, [&](const std::string& frame) { return is_of(frame, hidden); });
      if (block.path.empty()) block.path = {"<hidden>:0"};
    }
    std::erase_if(blocks, [&](const Block& block) {
      return (one_domain && block.domain != 1) ||
             (!included.empty() && !matches(block.path, included)) ||
             (!excluded.empty() && matches(block.path, excluded));
    });
    return blocks;
  }
};

Question made_up_question(std::mt19937& random) {
  const auto file = [&] {
    return random() % 2 == 0 ? std::string()
                             : std::string(1, static_cast<char>('a' + random() % 4));
  };
  Question question{file(), file(), file(), random() % 2 == 0, random() % 4 == 0};
  return question;
}

std::map<Path, Sums> naive_tree(const std::vector<Block>& blocks) {
  std::map<Path, Sums> tree;
  for (const Block& block : blocks) {
    Path path;
    for (const std::string& frame : block.path) {
      path.push_back(frame);
      add(tree[path].total, block.amount);
    }
    add(tree[path].own, block.amount);
  }
  return tree;
}

std::string name_of(const FrameView& frame) {
  return std::string(*frame.filename) + ":" + std::to_string(frame.lineno);
}

void walk(const TracebackTree& tree, NodeId node, std::size_t snapshot, Path& path,
          std::map<Path, Sums>& found) {
  for (NodeId child = tree.first_child(node); child != kNone<NodeId>;
       child = tree.next_sibling(child)) {
    CHECK(tree.parent(child) == node);
    path.push_back(name_of(tree.frame(child)));
    const Sums sums = {tree.own(child, snapshot), tree.total(child, snapshot)};
    const bool is_new = found.find(path) == found.end();
    CHECK(is_new);
    if (sums.total != Amount()) found[path] = sums;
    walk(tree, child, snapshot, path, found);
    path.pop_back();
  }
}

std::map<Path, Sums> walked(const TracebackTree& tree, std::size_t snapshot = 0) {
  std::map<Path, Sums> found;
  Path path;
  walk(tree, kRoot, snapshot, path, found);
  return found;
}

Amount sum_of(const std::vector<Block>& blocks) {
  Amount sum;
  for (const Block& block : blocks) add(sum, block.amount);
  return sum;
}

TEST_CASE("trees are what a naive model says") {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const std::vector<Block> blocks = made_up(random);
    const Question question = made_up_question(random);
    const Snapshot snapshot = snapshot_of(text_of(blocks));
    const TracebackTree tree = traceback_tree(snapshot, question.selection());
    CAPTURE(round);
    REQUIRE(tree.snapshots() == 1);
    const std::vector<Block> selected = question.answer(blocks);
    CHECK(tree.total(kRoot) == sum_of(selected));
    CHECK(walked(tree) == naive_tree(selected));
  }
}

TEST_CASE("the tree of two snapshots has the amounts of both") {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    const std::vector<Block> before = made_up(random), after = made_up(random);
    const Question question = made_up_question(random);
    const TracebackTree tree = traceback_tree(snapshot_of(text_of(before)),
                                              snapshot_of(text_of(after)), question.selection());
    CAPTURE(round);
    REQUIRE(tree.snapshots() == 2);
    CHECK(walked(tree, 0) == naive_tree(question.answer(before)));
    CHECK(walked(tree, 1) == naive_tree(question.answer(after)));
  }
}

TEST_CASE("cumulative amounts are what a naive model says") {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const std::vector<Block> blocks = made_up(random);
    const Question question = made_up_question(random);
    Selection selection = question.selection();
    selection.cumulative = true;
    selection.group_by = round % 2 == 0 ? GroupBy::lineno : GroupBy::filename;
    std::map<std::string, Amount> expected;
    for (const Block& block : question.answer(blocks)) {
      std::set<std::string> places;
      for (const std::string& frame : block.path) {
        const bool by_line = selection.group_by == GroupBy::lineno;
        places.insert(by_line ? frame : frame.substr(0, frame.find(':')) + ":0");
      }
      for (const std::string& place : places) add(expected[place], block.amount);
    }
    const Snapshot snapshot = snapshot_of(text_of(blocks));
    const TopReport report = top(snapshot, selection);
    std::map<std::string, Amount> found;
    for (const Statistic& statistic : report.statistics) {
      found[name_of(report.traceback(statistic.group).front())] = statistic.amount;
    }
    CAPTURE(round);
    CHECK(found == expected);
  }
}

TEST_CASE("frames are an index") {
  const Snapshot snapshot = snapshot_of("0 1 1 a:1 b:1\n0 2 1 b:1\n");
  const TracebackTree tree = traceback_tree(snapshot, {});
  std::map<std::string, std::set<FrameId>> ids;
  for (NodeId top = tree.first_child(kRoot); top != kNone<NodeId>; top = tree.next_sibling(top)) {
    ids[name_of(tree.frame(top))].insert(tree.frame_id(top));
    for (NodeId node = tree.first_child(top); node != kNone<NodeId>;
         node = tree.next_sibling(node)) {
      ids[name_of(tree.frame(node))].insert(tree.frame_id(node));
    }
  }
  CHECK(ids.size() == 2);
  for (const auto& [name, of_name] : ids) {
    CHECK(of_name.size() == 1);
    CHECK(index_of(*of_name.begin()) < tree.frames());
  }
}

TEST_CASE("nothing has no children") {
  const Snapshot snapshot = snapshot_of("");
  const TracebackTree tree = traceback_tree(snapshot, {});
  CHECK(tree.first_child(kRoot) == kNone<NodeId>);
  CHECK(tree.total(kRoot) == Amount());
}

}  // namespace
}  // namespace memtrace::test
