// Who the traced process is: what snapshots and their names say of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace memtrace::runtime {

// As text. What the process says of itself later (a changed title, another folder) is not looked
// at.
struct ProcessIdentity {
  std::string_view program;    // the path that was executed, absolute where that is known
  std::string_view arguments;  // each ends in a NUL
  std::string_view host;
};

// Read at the first call; any thread.
const ProcessIdentity& process_identity();

// The program's path without its folders.
std::string_view program_name();

// Without libc's wrappers, whose answer a vfork() or a wrapper of the host could falsify.
int process_id();
int thread_id();

// Names that the kernel gives as bytes, as the text that a snapshot holds.

// Bytes that one byte of a name may become.
inline constexpr std::size_t kTextGrowth = 3;

// Copies `bytes` as UTF-8 and returns the size. What is none becomes a lone surrogate for each
// byte, as Python does it ("surrogateescape"): such a name can be told from every other one.
std::size_t copy_as_text(std::string_view bytes, char* text);

}  // namespace memtrace::runtime
