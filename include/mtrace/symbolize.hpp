// From addresses to the lines of source code.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

struct SymbolizeOptions {
  // Looked through for separate debug information before /usr/lib/debug: as DIR/.build-id/xx/yy…
  // (also for programs and libraries themselves), and by the name in .gnu_debuglink.
  std::vector<std::string> debug_folders{};
  // Stands before the modules' paths: where the root of the traced system is to be found here.
  std::string sysroot{};
  // 0: as many as there are processors.
  unsigned threads = 0;
  // Called now and then on the calling thread.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress{};
};

struct SymbolizeResult {
  std::uint64_t addresses = 0;   // distinct ones in the snapshot
  std::uint64_t with_lines = 0;  // … of which these now have a source line
  std::uint64_t with_names = 0;  // … and these only a function, from the symbol table
  // One line for each module that could not be resolved or not wholly, headed by its path.
  std::vector<std::string> warnings{};

  [[nodiscard]] std::uint64_t unresolved() const { return addresses - with_lines - with_names; }
};

// Whether there is something to resolve.
MTRACE_API bool has_addresses(const Snapshot& snapshot);

// Replaces frames that are addresses by frames of source code, and one for each call that the
// compiler inlined. A module is only believed where its build id is the one that was traced, and
// what cannot be resolved stays an address: nothing is guessed. Damaged and missing files make
// warnings, not errors. The debuginfod servers in the environment variable DEBUGINFOD_URLS are
// asked for what is not there, where it is set.
//
// Each distinct address is looked up once. Memory: that of a few modules' debug information.
MTRACE_API SymbolizeResult symbolize(Snapshot& snapshot, const SymbolizeOptions& options = {});

}  // namespace memtrace
