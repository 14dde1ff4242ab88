// Leaks in odd places: before main(), after it, on other stacks, in mappings, in a child's memory.
#pragma once

namespace memtrace::test {

// All but those that leak by themselves, before main() and after it.
void leak_in_odd_places();

}  // namespace memtrace::test
