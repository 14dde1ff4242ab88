// Any bytes at all, as a file of heaptrack's: an Error or a valid snapshot, and the same one
// however the bytes arrive.
#include "support/fuzzed_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return memtrace::test::check_reader(memtrace::kHeaptrackFile, data, size);
}
