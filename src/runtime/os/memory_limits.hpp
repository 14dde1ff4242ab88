// How much memory a process may have, and what of that the tracer may take.
#pragma once

#include <cstddef>
#include <string_view>

namespace memtrace::runtime {

// Whether the tracer may map `size` bytes more: it takes at most a quarter of a limit, so that
// the program, which may be given a limit that it just fits in, has the rest.
bool may_map(std::size_t size);

// The tracer was refused memory: by the kernel, with this error, or, with 0, by may_map().
void note_refusal(long error);
// Why it was the last time, in words that end a sentence: "RLIMIT_AS leaves no room".
std::string_view why_refused();

// The program asked for `size` bytes in vain. Whether it would have been given them, by its limits,
// if the tracer had not had `held` bytes; then why_refused() says which limit it is.
bool is_in_the_way(std::size_t size, std::size_t held);

}  // namespace memtrace::runtime
