// Which shared object an address belongs to, also where the program has copied its code.
#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace memtrace::runtime {

// Which shared object an address belongs to.
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

// Modules' code that the program has mapped a second time, or moved: V8 maps the built-in functions
// of its executable beside the code that it makes, others move their text onto large pages. The
// loader does not know of it.
struct link_map;

namespace memtrace::runtime {

// The program has mapped `size` bytes of an open file at `begin`, from `offset` on: notes which
// code of the executable, or of the module that `caller` is in, lies there now. Both are known by
// their file's device and number, wherever it has been mapped. Costs a few system calls.
bool note_mapped_code(std::uintptr_t begin, std::size_t size, int file, std::uint64_t offset,
                      std::uintptr_t caller);
// It has moved what lay at `from`.
bool note_moved_code(std::uintptr_t from, std::uintptr_t begin, std::size_t size);
// Something else takes the place of [begin, begin + size), or nothing. true where there was a copy.
// Costs next to nothing where there is none at all.
bool forget_copied_code(std::uintptr_t begin, std::size_t size);

// What the address is in the module; 0 where it lies in no copy. Any thread, also in a signal
// handler.
struct CopiedCode {
  std::uintptr_t address = 0;
  const link_map* module = nullptr;
};
CopiedCode find_copied_code(std::uintptr_t address);

}  // namespace memtrace::runtime
