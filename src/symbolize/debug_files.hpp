// Finding the files that tell about a module.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mtrace/symbolize.hpp"
#include "symbolize/debug_servers.hpp"
#include "symbolize/elf_file.hpp"

namespace memtrace {

struct ModuleFiles {
  // The program or library itself; nullptr where only its debug information is there.
  std::unique_ptr<ElfFile> main;
  // A separate file; nullptr where there is none, or where it is all in `main`.
  std::unique_ptr<ElfFile> debug;
  std::string problem;  // what a server did wrong

  // Where the debug information is, if there is any.
  [[nodiscard]] ElfFile& debug_information() const { return debug ? *debug : *main; }
};

// Looks for the module with this path and build id (raw bytes; empty: it had none; nullopt:
// unknown, so that whatever the path leads to is taken for it). Throws Error with the reason where
// there is none, or only another build of it.
ModuleFiles find_module_files(const std::string& path, const std::optional<std::string>& traced_id,
                              const SymbolizeOptions& options, DebugServers& servers);

// The file that `debug` shares debug information with (dwz), by its build id; nullptr where it
// cannot be found. `name` is what `debug` calls it. `problem` is set as by `servers`.
std::unique_ptr<ElfFile> find_shared_debug_file(const ElfFile& debug, const std::string& name,
                                                const std::string& build_id,
                                                const SymbolizeOptions& options,
                                                DebugServers& servers, std::string& problem);

// "0123ab…"
std::string hexadecimal(std::string_view bytes);

}  // namespace memtrace
