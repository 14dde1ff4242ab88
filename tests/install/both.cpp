// A program in C++17 that traces itself and reads its own snapshot: both libraries in one process.
//
//   both FILE
#include <iostream>
#include <memory>

#include "mtrace/error.hpp"
#include "mtrace/mtrace.hpp"
#include "mtrace/read.hpp"
#include "mtrace/report.hpp"
#include "mtrace/symbolize.hpp"

namespace {

std::unique_ptr<char[]> kept;

}  // namespace

// Exported by the program, so that it has a name without debug information, too.
extern "C" __attribute__((noinline, visibility("default"))) void keep() {
  kept.reset(new char[54321]);
  kept[0] = 1;
}

int main(int argc, char** argv) {
  if (argc != 2 || !memtrace::start()) return 2;
  keep();
  const memtrace::SnapshotResult lost = memtrace::take_snapshot("/no/such/folder/a.zst");
  if (lost || lost.message != "/no/such/folder/a.zst: No such file or directory") return 1;
  const memtrace::SnapshotResult written = memtrace::take_snapshot(argv[1]);
  memtrace::stop();
  if (!written) {
    std::cerr << "both: " << written.message << "\n";
    return 1;
  }
  try {
    memtrace::Snapshot snapshot = memtrace::read_snapshot(argv[1]);
    memtrace::symbolize(snapshot);
    memtrace::Selection selection;
    selection.group_by = memtrace::GroupBy::function;
    const memtrace::TopReport report = memtrace::top(snapshot, selection);
    const memtrace::Statistic& first = report.statistics.at(0);
    std::cout << first.amount.count << " block of " << first.amount.size << " bytes in "
              << report.traceback(first.group).front().function.value_or("?") << "\n";
  } catch (const memtrace::Error& error) {
    std::cerr << "both: " << error.what() << "\n";
    return 1;
  }
}
