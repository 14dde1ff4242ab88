// The process that the library itself is in, as its tracer sees it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "mtrace/read.hpp"
#include "mtrace/selection.hpp"
#include "mtrace/snapshot.hpp"
#include "mtrace/symbolize.hpp"

namespace memtrace {

// What the calling thread allocates meanwhile is not counted.
class UntracedScope {
 public:
  UntracedScope();
  ~UntracedScope();
  UntracedScope(const UntracedScope&) = delete;
  UntracedScope& operator=(const UntracedScope&) = delete;

 private:
  bool was_;
};

struct MemoryNow {
  std::uint64_t current = 0, peak = 0;
};

bool has_tracer();
bool is_traced();
// Throws Error where there is no tracer, or no memory for it. Returns whether it was off.
bool start_tracer();
void stop_tracer();
MemoryNow traced_bytes();
void reset_traced_peak();

// This moment, with addresses. Throws Error.
Snapshot own_snapshot(const ReadOptions& options = {});

// The memory of each line; those of one name are one.
struct LineName {
  std::string filename;
  std::uint32_t lineno = 0;
  std::string function, module;
  friend auto operator<=>(const LineName&, const LineName&) = default;
};
using LineAmounts = std::map<LineName, Amount>;
LineAmounts line_amounts(Snapshot& snapshot, const Selection& selection, Symbolizer& symbolizer);

}  // namespace memtrace
