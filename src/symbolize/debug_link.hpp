// Separate debug information by its file name.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "symbolize/elf_file.hpp"

namespace memtrace {

// The file that `main` names as its debug information (.gnu_debuglink; without that, its own name
// and ".debug"): beside it, in .debug beside it, or in one of the folders, there also below the
// path of `main`. It is believed by its build id, or without one by its checksum. nullptr where
// there is none. `path` is where `main` was when it was traced.
std::unique_ptr<ElfFile> find_by_debug_link(const ElfFile& main, const std::string& path,
                                            std::span<const std::string> folders);

}  // namespace memtrace
