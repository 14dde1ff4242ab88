// Looking up modules' addresses, on all cores.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mtrace/symbolize.hpp"
#include "symbolize/debug_files.hpp"
#include "symbolize/elf_file.hpp"
#include "symbolize/function_names.hpp"
#include "symbolize/function_symbols.hpp"
#include "symbolize/unit_resolver.hpp"

namespace memtrace {

// Addresses of one unit: a part of a module's sorted addresses.
struct UnitAddresses {
  Dwarf_Off unit = 0;  // the offset of its DIE
  std::vector<std::uint32_t> addresses;
};

// What is asked of a module, and the answers.
struct ModuleRequest {
  std::string path;
  std::optional<std::string> build_id;   // as find_module_files() takes it
  std::vector<std::uint64_t> addresses;  // sorted, each once
  std::vector<FrameChain> chains;        // one for each address
  std::string warning;
};

// open() comes first and finish() last, each on one thread; in between, any thread resolves parts.
class ModuleLookup {
 public:
  // Units of [first, last) of those that have addresses.
  struct Part {
    std::size_t first = 0, last = 0;
  };

  ModuleLookup(ModuleRequest& request, const SymbolizeOptions& options, DebugServers& servers,
               Names& names)
      : request_(request), options_(options), servers_(servers), names_(names) {}

  // Finds the files and which addresses are in which units. The parts are about equally large.
  std::vector<Part> open();
  void resolve(Part part);
  // What no debug information tells may still be in the symbol table.
  void finish();

  [[nodiscard]] std::uint64_t addresses_in(Part part) const;

 private:
  void index_units();
  void find_shared();
  void find_package();
  void resolve_units(std::span<const UnitAddresses> units, Search search);
  void resolve_one(DwarfView& view, const UnitAddresses& unit, Search search, FunctionNames& names);
  [[nodiscard]] bool lacks_name(std::size_t i) const;
  void search_again(const FunctionSymbols& symbols);
  void warn(const std::string& message);

  ModuleRequest& request_;
  const SymbolizeOptions& options_;
  DebugServers& servers_;
  Names& names_;
  ModuleFiles files_;
  std::unique_ptr<ElfFile> shared_;
  std::unique_ptr<DwarfPackage> package_;
  std::unique_ptr<DebugInfo> info_;
  std::vector<CodeRange> code_;
  std::vector<UnitAddresses> units_;
  std::mutex warning_mutex_;
};

// Answers all requests. A module is opened when no part of one that is open is left to do, so that
// hardly more of them than there are threads are in memory at once. Throws what a thread threw.
void look_up(std::span<ModuleRequest> requests, const SymbolizeOptions& options,
             DebugServers& servers, Names& names);

}  // namespace memtrace
