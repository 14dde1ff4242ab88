// What a page shows, as JSON: tables of columns, which a browser reads fast and which compress
// well. The page's own src/page/data.ts describes them from the other side.
#pragma once

#include <string>
#include <vector>

#include "mtrace/snapshot.hpp"
#include "mtrace/trend.hpp"
#include "page/page_tables.hpp"
#include "render/document.hpp"
#include "render/renderer.hpp"

namespace memtrace {

struct PageInput {
  // One snapshot, or two: before and after; of a series, its first and its last one.
  std::vector<const Snapshot*> snapshots{};
  std::vector<std::string> paths{};  // of each
  Selection selection{};
  const Document* heading = nullptr;    // what is said above and below the rows of a report
  std::vector<std::string> warnings{};  // of what may mislead, beside those in the heading
  const TrendReport* series = nullptr;  // none: no series
  std::vector<std::string> strip_prefixes{};
  bool has_source = true;  // lines of source files, as far as they are here
  std::vector<std::string> source_folders{};
  std::string generator{};  // "mtrace 0.1.0"
  PageLimits limits{};
};

// All text is harmless: valid UTF-8, without control characters and without characters that
// reorder a line, no name longer than a few thousand characters. Throws Error.
void write_page_data(const PageInput& input, Sink& sink);

}  // namespace memtrace
