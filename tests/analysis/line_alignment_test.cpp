// Lines of a file before and after it was edited: single cases, all small files against a search of
// every matching, and simulated edits whose truth is known.
#include "analysis/line_alignment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>

namespace memtrace::test {
namespace {

// "f10 f12 g20"
std::vector<FunctionLine> lines_of(const std::string& text) {
  std::vector<FunctionLine> lines;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto lineno = static_cast<std::uint32_t>(std::stoul(word.substr(1)));
    lines.push_back({lineno, static_cast<std::uint32_t>(word[0])});
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// "10:12 20:-", in the order of the lines before.
std::string aligned(const std::string& before, const std::string& after) {
  const std::vector<FunctionLine> lines = lines_of(before);
  const std::vector<std::uint32_t> numbers = align_lines(lines, lines_of(after));
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!text.empty()) text += ' ';
    text += std::to_string(lines[i].lineno) + ":" +
            (numbers[i] == 0 ? "-" : std::to_string(numbers[i]));
  }
  return text;
}

TEST_CASE("lines of a file that was not edited stay") {
  CHECK(aligned("f10 f12 g20", "f10 f12 g20") == "10:10 12:12 20:20");
  CHECK(aligned("f10 f12 g20", "f12 g20 h30") == "10:- 12:12 20:20");
  CHECK(aligned("", "f1").empty());
  CHECK(aligned("f1", "") == "1:-");
}

TEST_CASE("the only line of a function is followed") {
  CHECK(aligned("f10", "f12") == "10:12");
  CHECK(aligned("f10 g20 h30", "f12 g22 h32") == "10:12 20:22 30:32");
  CHECK(aligned("f10 g20", "f10 g25") == "10:10 20:25");
  // An edit moves all that is below.
  CHECK(aligned("f10 g20 h30", "f10 g25 h30") == "10:10 20:- 30:30");
}

TEST_CASE("several lines of a function are followed where they kept their distances") {
  CHECK(aligned("f10 f11 f15", "f12 f13 f17") == "10:12 11:13 15:17");
  CHECK(aligned("f10 f11", "f11 f12") == "10:11 11:12");
  CHECK(aligned("f10 f11 g20", "f11 f12 g20") == "10:- 11:11 20:20");
  CHECK(aligned("f10 f15 f20 f25", "f10 f15 f22 f27") == "10:10 15:15 20:22 25:27");
  CHECK(aligned("f10 f15 f20", "f12 f17 f22 f30") == "10:12 15:17 20:22");
}

TEST_CASE("what cannot be told stays apart") {
  CHECK(aligned("f10", "f13 f20") == "10:-");
  CHECK(aligned("f10 f20", "f13") == "10:- 20:-");
  CHECK(aligned("f10 f12", "f13 f15 f20 f22") == "10:- 12:-");
  CHECK(aligned("f15 f20", "f17 f25") == "15:- 20:-");
  // Methods of one name in several classes.
  CHECK(aligned("f10 f90", "f12 f52") == "10:- 90:-");
  CHECK(aligned("f10", "g12") == "10:-");
}

TEST_CASE("a line takes part in an edit that others show") {
  CHECK(aligned("f10 g20", "f13 f14 g23") == "10:13 20:23");
}

TEST_CASE("a function that was put elsewhere keeps its shape") {
  CHECK(aligned("f10 f12 f17 g20 g22 h30 h31", "g10 g12 h20 h21 f30 f32 f37") ==
        "10:30 12:32 17:37 20:10 22:12 30:20 31:21");
}

TEST_CASE("functions that share a line move together") {
  CHECK(aligned("f10 g10 h20", "f14 g14 h24") == "10:14 10:14 20:24");
}

TEST_CASE("a function with thousands of lines is matched by their numbers") {
  std::vector<FunctionLine> before, after;
  for (std::uint32_t i = 1; i <= 3000; ++i) {
    before.push_back({i * 2, 1});
    after.push_back({i * 4, 1});
  }
  const std::vector<std::uint32_t> numbers = align_lines(before, after);
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(numbers[i] == (before[i].lineno % 4 == 0 ? before[i].lineno : 0));
  }
}

// --- against every matching there is ---

using Lines = std::vector<FunctionLine>;
using Numbers = std::vector<std::uint32_t>;

struct Search {
  const Lines& before;
  const Lines& after;
  Numbers current{}, best{};
  long best_worth = 0, ways = 0;

  static constexpr std::int64_t kNoLine = -1;

  void run() {
    current.assign(before.size(), 0);
    go(0, kNoLine, kNoLine, 0, 0);
  }

  // A pair may follow another that is above it on both sides, or that moved just as far.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as there are lines
  void go(std::size_t i, std::int64_t line_before, std::int64_t line_after, std::int64_t distance,
          long worth) {
    if (i == before.size()) {
      if (worth == best_worth) ++ways;
      if (worth > best_worth) {
        best_worth = worth;
        ways = 1;
        best = current;
      }
      if (best.empty()) best = current;
      return;
    }
    go(i + 1, line_before, line_after, distance, worth);
    for (const FunctionLine& line : after) {
      if (line.function != before[i].function) continue;
      const std::int64_t own = std::int64_t{line.lineno} - before[i].lineno;
      const bool is_below = before[i].lineno > line_before && line.lineno > line_after;
      if (!is_below && own != distance) continue;
      if (!is_below && line_before == kNoLine) continue;
      current[i] = line.lineno;
      go(i + 1, before[i].lineno, line.lineno, own, worth + 20 - (own == distance ? 0 : 19));
      current[i] = 0;
    }
  }
};

// Whether each line that moved did so together with another one, and could not have moved
// otherwise.
bool is_clear(const Search& search) {
  std::map<std::int64_t, std::set<std::uint32_t>> lines_at;
  for (std::size_t i = 0; i < search.before.size(); ++i) {
    if (search.best[i] == 0) continue;
    std::size_t candidates = 0;
    for (const FunctionLine& line : search.after) {
      if (line.function == search.before[i].function) ++candidates;
    }
    const std::int64_t distance = std::int64_t{search.best[i]} - search.before[i].lineno;
    if (distance != 0 && candidates > 1) return false;
    lines_at[distance].insert(search.before[i].lineno);
  }
  return std::all_of(lines_at.begin(), lines_at.end(),
                     [](const auto& each) { return each.first == 0 || each.second.size() > 1; });
}

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(engine_() % end); }

 private:
  std::mt19937 engine_;
};

Lines random_lines(Dice& dice) {
  std::set<FunctionLine> lines;
  const std::uint32_t size = dice.below(6);
  for (std::uint32_t i = 0; i < size; ++i) {
    const std::uint32_t lineno = 1 + dice.below(12);
    lines.insert({lineno, lineno / 4 + dice.below(2)});
  }
  return {lines.begin(), lines.end()};
}

TEST_CASE("small files: the matching that is best of all, where it is the only one and clear") {
  Dice dice(7);
  int clear = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Lines before = random_lines(dice), after = random_lines(dice);
    const Numbers numbers = align_lines(before, after);
    std::set<FunctionLine> taken;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (numbers[i] == 0) continue;
      const FunctionLine line{numbers[i], before[i].function};
      CHECK(std::binary_search(after.begin(), after.end(), line));
      CHECK(taken.insert(line).second);
    }
    Search search{before, after};
    search.run();
    // A whole function that breaks the order is followed beyond the best matching.
    if (search.ways != 1 || !is_clear(search)) continue;
    ++clear;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (search.best[i] != 0) CHECK(numbers[i] == search.best[i]);
    }
  }
  CHECK(clear > 5'000);
}

// --- against the truth ---

struct Tally {
  int moved = 0, followed = 0, wrong = 0;
};

// A file of forty functions whose lines are edited at a few places; a snapshot sees some of them.
void simulate(Dice& dice, Tally& tally) {
  std::map<std::uint32_t, std::uint32_t> truth;
  Lines all;
  std::uint32_t lineno = 10, moved = 10;
  for (std::uint32_t function = 0; function < 40; ++function) {
    const std::uint32_t size = 1 + dice.below(4);
    for (std::uint32_t i = 0; i < size; ++i) {
      lineno += 1 + dice.below(6);
      if (dice.below(25) == 0) moved += 1 + dice.below(9);
      all.push_back({lineno, function});
      truth[lineno] = lineno + moved - 10;
    }
  }
  Lines before, after;
  for (const FunctionLine& line : all) {
    if (dice.below(10) < 8) before.push_back(line);
    if (dice.below(10) < 8) after.push_back({truth[line.lineno], line.function});
  }
  const Numbers numbers = align_lines(before, after);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const FunctionLine true_line{truth[before[i].lineno], before[i].function};
    const bool is_there = std::binary_search(after.begin(), after.end(), true_line);
    if (is_there && true_line.lineno != before[i].lineno) ++tally.moved;
    if (numbers[i] == 0) continue;
    if (!is_there || numbers[i] != true_line.lineno) {
      ++tally.wrong;
    } else if (true_line.lineno != before[i].lineno) {
      ++tally.followed;
    }
  }
}

TEST_CASE("simulated edits: nearly all lines are followed, and nearly none to a wrong one") {
  Dice dice(11);
  Tally tally;
  for (int round = 0; round < 200; ++round) simulate(dice, tally);
  CHECK(tally.moved > 8'000);
  CHECK(tally.followed * 100 > tally.moved * 97);
  CHECK(tally.wrong * 100 < tally.followed);
}

}  // namespace
}  // namespace memtrace::test
