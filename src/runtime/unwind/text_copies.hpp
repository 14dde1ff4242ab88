// Modules' code that the program has mapped a second time, or moved: V8 maps the built-in functions
// of its executable beside the code that it makes, others move their text onto large pages. The
// loader does not know of it.
#pragma once

#include <cstddef>
#include <cstdint>

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
