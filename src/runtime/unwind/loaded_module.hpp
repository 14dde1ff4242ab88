// Which shared object an address belongs to.
#pragma once

#include <link.h>

#include <cstdint>
#include <span>

namespace memtrace::runtime {

struct LoadedModule {
  // Of its mapping; of a program whose segments lie apart, of the segment that was asked for.
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;  // exclusive
  // What makes the address that was asked for one of the module's: not 0 where it lies in a copy.
  std::uintptr_t shift = 0;
  const link_map* map = nullptr;  // l_addr: the load bias; l_name: its path, "" for the program
  const void* eh_frame_header = nullptr;  // nullptr: it has no call frame information
};

// Any thread, also inside a signal handler or while another thread loads a library: glibc's
// _dl_find_object (2.35) takes no lock. The answer holds for as long as the module is loaded.
bool find_module(std::uintptr_t pc, LoadedModule& module);
// The program's own, whatever its segment with the program headers is.
bool find_program(LoadedModule& module);
// The program headers, wherever they lie; empty where none are found.
std::span<const ElfW(Phdr)> program_headers(const LoadedModule& module);

// The segment with the module's call frame information; empty where it has none.
std::span<const std::uint8_t> call_frame_segment(const LoadedModule& module);

}  // namespace memtrace::runtime
