// Resolves addresses to lines of source code.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

struct SymbolizeOptions {
  // Searched for separate debug information before /usr/lib/debug: as DIR/.build-id/xx/yy… (for
  // programs and libraries, too), and by the name in .gnu_debuglink.
  std::vector<std::string> debug_folders{};
  // Prepended to the modules' paths: the root folder of the traced system.
  std::string sysroot{};
  // 0: one per processor. 1 without `progress`: the calling thread alone.
  unsigned threads = 0;
  // Called now and then on the calling thread.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress{};
};

struct SymbolizeResult {
  std::uint64_t addresses = 0;   // distinct ones in the snapshot
  std::uint64_t with_lines = 0;  // addresses that now have a source line
  std::uint64_t with_names = 0;  // addresses that now have only a function, from the symbol table
  // One line for each module with unresolved addresses, headed by its path.
  std::vector<std::string> warnings{};

  [[nodiscard]] std::uint64_t unresolved() const { return addresses - with_lines - with_names; }
};

// Whether there is something to resolve.
MTRACE_API bool has_addresses(const Snapshot& snapshot);

// Replaces frames that are addresses by frames of source code, with one more frame for each inlined
// call. A module is used only if its build id is that of the traced module, as far as that is
// known: other profilers' files seldom say it. Unresolved frames remain addresses. Damaged and
// missing files cause warnings, not errors. If the environment variable DEBUGINFOD_URLS is set, its
// debuginfod servers are asked for missing files.
//
// Looks up each distinct address once. Needs memory for the debug information of a few modules. If
// it throws, the snapshot is unchanged.
MTRACE_API SymbolizeResult symbolize(Snapshot& snapshot, const SymbolizeOptions& options = {});

// Resolves several snapshots with common addresses, such as those of one process, and looks up each
// address once for all of them. Start with the newest snapshot, which usually has most of them.
class MTRACE_API Symbolizer {
 public:
  explicit Symbolizer(SymbolizeOptions options = {});
  ~Symbolizer();
  Symbolizer(const Symbolizer&) = delete;
  Symbolizer& operator=(const Symbolizer&) = delete;

  // Each module's warning comes once, with the first snapshot that it concerns.
  SymbolizeResult symbolize(Snapshot& snapshot);

 private:
  SymbolizeOptions options_;
  std::unique_ptr<class AddressBook> book_;
};

}  // namespace memtrace
