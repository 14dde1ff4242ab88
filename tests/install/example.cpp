// How another program uses libmtrace: which lines hold the memory, and what grew since before.
//
//   example BEFORE AFTER
//
// Both are snapshots in any form that mtrace reads. Prints the five lines of AFTER that hold the
// most, then the five that grew the most, leaving out Python's own import machinery.
#include <cstddef>
#include <iostream>
#include <string>
#include <string_view>

#include "mtrace/error.hpp"
#include "mtrace/read.hpp"
#include "mtrace/report.hpp"
#include "mtrace/selection.hpp"

namespace {

using memtrace::DiffRanking;
using memtrace::DiffReport;
using memtrace::DiffSort;
using memtrace::GroupBy;
using memtrace::Pattern;
using memtrace::Selection;
using memtrace::Snapshot;
using memtrace::TopRanking;
using memtrace::TopReport;

// A group of a report by line is one frame: "FILE:LINE". (By traceback it would be many.)
std::string location(const memtrace::Report& report, memtrace::GroupId group) {
  const memtrace::FrameView frame = report.traceback(group).front();
  const std::string_view filename = frame.filename.value_or(memtrace::kUnknownFilename);
  return std::string(filename) + ":" + std::to_string(frame.lineno);
}

void print_top(const Snapshot& snapshot, const Selection& selection) {
  TopRanking ranking;
  ranking.limit = 5;
  const TopReport report = memtrace::top(snapshot, selection, ranking);
  std::cout << "top " << report.statistics.size() << " of " << report.groups() << "\n";
  for (const memtrace::Statistic& statistic : report.statistics) {
    std::cout << statistic.amount.size << " bytes in " << statistic.amount.count
              << " blocks: " << location(report, statistic.group) << "\n";
  }
  // Rows and rest add up to the total.
  std::cout << report.rest.size << " bytes in " << report.rest_groups << " more groups, "
            << report.total.size << " in total\n";
}

void print_growth(const Snapshot& before, const Snapshot& after, const Selection& selection) {
  DiffRanking ranking;
  ranking.sort = DiffSort::growth;
  ranking.limit = 5;
  const DiffReport report = memtrace::diff(before, after, selection, ranking);
  std::cout << "grown: " << report.changes.grown << ", added: " << report.changes.added << "\n";
  for (const memtrace::StatisticDiff& statistic : report.statistics) {
    std::cout << std::showpos << statistic.size_diff() << std::noshowpos << " bytes, now "
              << statistic.after.size << ": " << location(report, statistic.group) << "\n";
  }
  std::cout << report.total_before.size << " bytes before, " << report.total_after.size
            << " after\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: example BEFORE AFTER\n";
    return 2;
  }
  try {
    const Snapshot before = memtrace::read_snapshot(argv[1]);
    const Snapshot after = memtrace::read_snapshot(argv[2]);
    Selection selection;
    selection.group_by = GroupBy::lineno;
    selection.exclude = {Pattern("<frozen importlib._bootstrap*")};
    print_top(after, selection);
    print_growth(before, after, selection);
  } catch (const memtrace::Error& error) {
    std::cerr << "example: " << error.what() << "\n";
    return 2;
  }
}
