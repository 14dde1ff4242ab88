#include "analysis/line_alignment.hpp"

#include <tsl/robin_map.h>

#include <algorithm>
#include <cstddef>

namespace memtrace {
namespace {

// What a pair of lines and an edit are worth. Two lines that stay alone cost one pair: an edit that
// explains a single pair is just worth it, and never twice.
constexpr std::int64_t kPair = 20, kEdit = 19;
// Larger functions, which programs write, are only matched line by line.
constexpr std::size_t kMostPairsOfFunction = std::size_t{1} << 16;
constexpr std::size_t kMostPairs = std::size_t{1} << 20;
constexpr std::size_t kNothing = ~std::size_t{0};

// A line before and one after of the same function.
struct Pair {
  std::size_t before = 0, after = 0;
  std::int64_t distance = 0;  // that it moved down
  std::int64_t worth = 0;     // of the best matching that ends here
  std::size_t previous = kNothing;
};

using LinesOfFunction = tsl::robin_map<std::uint32_t, std::vector<std::size_t>>;

LinesOfFunction by_function(std::span<const FunctionLine> lines) {
  LinesOfFunction result;
  for (std::size_t i = 0; i < lines.size(); ++i) result[lines[i].function].push_back(i);
  return result;
}

// The best of all pairs whose line after is above another: a tree of maxima over ranks.
class BestAbove {
 public:
  BestAbove(std::size_t ranks, const std::vector<Pair>& pairs)
      : best_(ranks + 1, kNothing), pairs_(pairs) {}

  void add(std::size_t rank, std::size_t pair) {
    for (std::size_t i = rank + 1; i < best_.size(); i += i & (~i + 1)) {
      if (best_[i] == kNothing || pairs_[best_[i]].worth < pairs_[pair].worth) best_[i] = pair;
    }
  }

  [[nodiscard]] std::size_t above(std::size_t rank) const {
    std::size_t best = kNothing;
    for (std::size_t i = rank; i > 0; i -= i & (~i + 1)) {
      if (best_[i] == kNothing) continue;
      if (best == kNothing || pairs_[best].worth < pairs_[best_[i]].worth) best = best_[i];
    }
    return best;
  }

 private:
  std::vector<std::size_t> best_;
  const std::vector<Pair>& pairs_;
};

class Alignment {
 public:
  Alignment(std::span<const FunctionLine> before, std::span<const FunctionLine> after)
      : before_(before),
        after_(after),
        lines_before_(by_function(before)),
        lines_after_(by_function(after)),
        match_(before.size(), kNothing),
        is_taken_(after.size()) {}

  std::vector<std::uint32_t> run() {
    make_pairs();
    accept(best_matching());
    follow_moved_functions();
    std::vector<std::uint32_t> numbers(before_.size());
    for (std::size_t i = 0; i < before_.size(); ++i) {
      if (match_[i] != kNothing) numbers[i] = after_[match_[i]].lineno;
    }
    return numbers;
  }

 private:
  // Pairs that follow each other at one distance: one edit explains them.
  using Piece = std::span<const std::size_t>;

  [[nodiscard]] std::size_t pairs_of(std::uint32_t function) const {
    const auto other = lines_after_.find(function);
    return other == lines_after_.end() ? 0
                                       : lines_before_.at(function).size() * other->second.size();
  }

  void make_pairs() {
    std::size_t all = 0;
    for (const auto& [function, lines] : lines_before_) all += pairs_of(function);
    for (std::size_t i = 0; i < before_.size(); ++i) {
      const auto candidates = lines_after_.find(before_[i].function);
      if (candidates == lines_after_.end()) continue;
      const bool only_same =
          all > kMostPairs || pairs_of(before_[i].function) > kMostPairsOfFunction;
      for (const std::size_t j : candidates->second) {
        const std::int64_t distance = std::int64_t{after_[j].lineno} - before_[i].lineno;
        if (!only_same || distance == 0) pairs_.push_back({i, j, distance});
      }
    }
  }

  // The pairs of the best matching, by line. Pairs are visited by the line before; those of one
  // line only see what ends above it, or what moved just as far.
  std::vector<std::size_t> best_matching() {
    BestAbove best(after_.size(), pairs_);
    tsl::robin_map<std::int64_t, std::size_t> last_at_distance;
    std::size_t best_end = kNothing;
    for (std::size_t begin = 0, end = 0; begin < pairs_.size(); begin = end) {
      while (end < pairs_.size() && line_before(end) == line_before(begin)) ++end;
      for (std::size_t i = begin; i < end; ++i) {
        extend(i, best, last_at_distance);
        if (best_end == kNothing || pairs_[i].worth > pairs_[best_end].worth) best_end = i;
      }
      for (std::size_t i = begin; i < end; ++i) best.add(pairs_[i].after, i);
    }
    std::vector<std::size_t> matching;
    for (std::size_t i = best_end; i != kNothing; i = pairs_[i].previous) matching.push_back(i);
    std::reverse(matching.begin(), matching.end());
    return matching;
  }

  [[nodiscard]] std::uint32_t line_before(std::size_t pair) const {
    return before_[pairs_[pair].before].lineno;
  }

  void extend(std::size_t index, const BestAbove& best,
              tsl::robin_map<std::int64_t, std::size_t>& last_at_distance) {
    Pair& pair = pairs_[index];
    pair.worth = kPair - (pair.distance == 0 ? 0 : kEdit);
    const auto follow = [&](std::size_t previous, std::int64_t worth) {
      if (worth <= pair.worth) return;
      pair.worth = worth;
      pair.previous = previous;
    };
    const auto same = last_at_distance.find(pair.distance);
    if (same != last_at_distance.end()) follow(same->second, pairs_[same->second].worth + kPair);
    // Several functions may share a line.
    const auto line =
        std::lower_bound(after_.begin(), after_.end(), FunctionLine{after_[pair.after].lineno, 0});
    const std::size_t above = best.above(static_cast<std::size_t>(line - after_.begin()));
    if (above != kNothing) follow(above, pairs_[above].worth + kPair - kEdit);
    last_at_distance[pair.distance] = index;
  }

  void accept(const std::vector<std::size_t>& matching) {
    std::vector<Piece> moved, lone;
    for (std::size_t begin = 0, end = 0; begin < matching.size(); begin = end) {
      const Pair& first = pairs_[matching[begin]];
      while (end < matching.size() && pairs_[matching[end]].distance == first.distance) ++end;
      const Piece piece = std::span(matching).subspan(begin, end - begin);
      const bool is_one_line = line_before(piece.front()) == line_before(piece.back());
      if (first.distance != 0 && is_one_line) {
        lone.push_back(piece);
      } else if (first.distance != 0) {
        moved.push_back(piece);
      } else {
        take(piece);
      }
    }
    // Of two that could as well be each other's, neither is followed.
    std::erase_if(moved, [&](Piece piece) { return is_ambiguous(piece); });
    for (const Piece piece : moved) take(piece);
    for (const Piece piece : lone) {
      for (const std::size_t i : piece) {
        if (is_only_choice(before_[pairs_[i].before].function)) {
          take(pairs_[i].before, pairs_[i].after);
        }
      }
    }
  }

  void take(Piece piece) {
    for (const std::size_t i : piece) take(pairs_[i].before, pairs_[i].after);
  }

  void take(std::size_t before, std::size_t after) {
    match_[before] = after;
    is_taken_[after] = 1;
  }

  // Whether its lines could as well have moved by another distance.
  [[nodiscard]] bool is_ambiguous(Piece piece) const {
    tsl::robin_map<std::int64_t, std::size_t> votes;
    for (const std::size_t i : piece) {
      const FunctionLine& line = before_[pairs_[i].before];
      for (const std::size_t j : lines_after_.at(line.function)) {
        if (is_taken_[j] == 0) ++votes[std::int64_t{after_[j].lineno} - line.lineno];
      }
    }
    const std::int64_t own = pairs_[piece.front()].distance;
    return std::any_of(votes.begin(), votes.end(), [&](const auto& vote) {
      return vote.first != own && vote.second >= piece.size();
    });
  }

  // Whether the function has one line before, and one after.
  [[nodiscard]] bool is_only_choice(std::uint32_t function) const {
    return lines_before_.at(function).size() == 1 && lines_after_.at(function).size() == 1;
  }

  // A function that was put elsewhere in its file breaks the order, but keeps its shape.
  void follow_moved_functions() {
    for (const auto& entry : lines_before_) {
      const auto found = lines_after_.find(entry.first);
      if (found == lines_after_.end()) continue;
      const std::vector<std::size_t>& before = entry.second;
      const std::vector<std::size_t>& after = found->second;
      if (before.size() < 2 || before.size() != after.size()) continue;
      const auto distance = [&](std::size_t i) {
        return std::int64_t{after_[after[i]].lineno} - before_[before[i]].lineno;
      };
      bool is_moved = true;
      for (std::size_t i = 0; i < before.size(); ++i) {
        is_moved &=
            match_[before[i]] == kNothing && is_taken_[after[i]] == 0 && distance(i) == distance(0);
      }
      for (std::size_t i = 0; is_moved && i < before.size(); ++i) take(before[i], after[i]);
    }
  }

  std::span<const FunctionLine> before_, after_;
  LinesOfFunction lines_before_, lines_after_;
  std::vector<Pair> pairs_;
  std::vector<std::size_t> match_;  // by line before; kNothing: alone
  std::vector<char> is_taken_;      // by line after
};

}  // namespace

std::vector<std::uint32_t> align_lines(std::span<const FunctionLine> before,
                                       std::span<const FunctionLine> after) {
  return Alignment(before, after).run();
}

}  // namespace memtrace
