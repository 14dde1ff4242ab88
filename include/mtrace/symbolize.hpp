// From addresses to the lines of source code.
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
// Each distinct address is looked up once. Memory: that of a few modules' debug information. Where
// it throws, the snapshot is as it was.
MTRACE_API SymbolizeResult symbolize(Snapshot& snapshot, const SymbolizeOptions& options = {});

// The same for snapshots that have addresses in common, as those of one process have: what was
// looked up for one is not looked up again for the others. The newest one has most of them, so it
// is best the first one.
class MTRACE_API Symbolizer {
 public:
  explicit Symbolizer(SymbolizeOptions options = {});
  ~Symbolizer();
  Symbolizer(const Symbolizer&) = delete;
  Symbolizer& operator=(const Symbolizer&) = delete;

  // A module's warning comes with the first snapshot that it is about.
  SymbolizeResult symbolize(Snapshot& snapshot);

 private:
  SymbolizeOptions options_;
  std::unique_ptr<class AddressBook> book_;
};

}  // namespace memtrace
