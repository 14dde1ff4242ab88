// All that mtrace offers, in a program with warnings that nobody else asks for.
#include "mtrace/merge.hpp"
#include "mtrace/mtrace.hpp"
#include "mtrace/read.hpp"
#include "mtrace/report.hpp"
#include "mtrace/snapshot_builder.hpp"
#include "mtrace/symbolize.hpp"
#include "mtrace/write.hpp"

int main() {
  return memtrace::is_tracing() ? 1 : 0;
}
