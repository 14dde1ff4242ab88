// A hint to the kernel about large buffers.
#pragma once

#include <cstddef>

namespace memtrace {

// Asks for large pages where the buffer covers whole ones. Only a hint: nothing depends on it.
void advise_large_pages(const void* begin, std::size_t size);

}  // namespace memtrace
