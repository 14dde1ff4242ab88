// Switching the tracing of Python's allocators on and off. With the GIL held.
#pragma once

#include <cstdint>

namespace memtrace::python {

inline constexpr std::uint32_t kMostFrames = 65535;

// Puts the hooks in front of the three allocators, and the front end in its place. Nothing is
// traced by that. false, with an exception, where this interpreter cannot be traced.
bool install_hooks();
// Whether they are there: until stop_tracing().
bool has_hooks();
// They stay, and do nothing while tracing is off: libmtrace_rt needs them until the interpreter
// ends.
void keep_hooks();

// Somebody else has hooked the allocators: in front of ours, which go to the front; or by putting
// back what was there before ours, which go in front of that.
void hooks_to_front();
void hook_again();

// As follow_references(), and says in one line, once, where it cannot.
void follow_or_say();

// `native`: with the machine's frames between the interpreter's. false where there is no memory.
bool start_tracing(std::uint32_t frames, bool native);
void stop_tracing();

// Blocks that the calling thread allocates in its scope are not traced.
class Untraced {
 public:
  Untraced();
  ~Untraced();
  Untraced(const Untraced&) = delete;
  Untraced& operator=(const Untraced&) = delete;

 private:
  bool was_;
};

}  // namespace memtrace::python
