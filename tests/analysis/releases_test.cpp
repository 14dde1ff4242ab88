// Two releases of a real program (testdata/make_release_snapshots.py): its lines moved as the
// history of its source says.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "mtrace/read.hpp"
#include "mtrace/report.hpp"

namespace memtrace::test {
namespace {

using Line = std::pair<std::string, std::uint32_t>;

std::string file_called(const std::string& name) {
  return std::string(MTRACE_TESTDATA_DIR) + "/releases/" + name;
}

// Line of the older release -> its number in the newer one; 0: it was changed, or taken out.
std::map<Line, std::uint32_t> true_moves() {
  std::map<Line, std::uint32_t> moves;
  std::ifstream file(file_called("moves.txt"));
  for (std::string line, number; file >> line >> number;) {
    const std::size_t colon = line.rfind(':');
    const auto lineno = static_cast<std::uint32_t>(std::stoul(line.substr(colon + 1)));
    moves[{line.substr(0, colon), lineno}] =
        number == "-" ? 0 : static_cast<std::uint32_t>(std::stoul(number));
  }
  return moves;
}

constexpr bool kAllFrames = true;

std::set<Line> lines_of(const Snapshot& snapshot) {
  const TopReport report = top(snapshot, {.cumulative = kAllFrames});
  std::set<Line> lines;
  for (const Statistic& statistic : report.statistics) {
    const FrameView frame = report.traceback(statistic.group).front();
    lines.emplace(*frame.filename, frame.lineno);
  }
  return lines;
}

TEST_CASE("lines of a release are found in the next one, and next to none at a wrong number") {
  const Snapshot before = read_snapshot(file_called("jinja-3.0.3.zst"));
  const Snapshot after = read_snapshot(file_called("jinja-3.1.2.zst"));
  const DiffReport report =
      diff(before, after, {.cumulative = kAllFrames, .match = MatchBy::automatic});
  std::map<Line, std::uint32_t> followed;
  for (const StatisticDiff& statistic : report.statistics) {
    const FrameView frame = report.traceback(statistic.group).front();
    if (frame.moved_from != 0)
      followed[{std::string(*frame.filename), frame.moved_from}] = frame.lineno;
  }

  const std::set<Line> lines_before = lines_of(before), lines_after = lines_of(after);
  int moved = 0, right = 0, wrong = 0, stayed = 0, stayed_but_followed = 0;
  for (const auto& [line, number] : true_moves()) {
    const bool holds_in_both =
        lines_before.contains(line) && lines_after.contains({line.first, number});
    if (!holds_in_both) continue;
    const auto found = followed.find(line);
    if (number == line.second) {
      ++stayed;
      if (found != followed.end()) ++stayed_but_followed;
      continue;
    }
    ++moved;
    if (found != followed.end()) ++(found->second == number ? right : wrong);
  }
  CHECK(moved == 835);
  CHECK(right == 825);
  CHECK(wrong == 3);
  CHECK(stayed == 684);
  CHECK(stayed_but_followed == 0);
}

}  // namespace
}  // namespace memtrace::test
