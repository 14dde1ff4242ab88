// The lines of one file in two builds of a program: which of them are the same.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace memtrace {

// A line of a function. Equal numbers stand for functions of equal names.
struct FunctionLine {
  std::uint32_t lineno = 0;
  std::uint32_t function = 0;
  friend auto operator<=>(const FunctionLine&, const FunctionLine&) = default;
};

// For each line of `before`, its number in `after`; 0 where it cannot be told. No two lines of a
// function get one number. Both must be sorted, and have each line once.
//
// An edit of a file moves everything below it by one distance, so that few edits explain what many
// lines did. Of all ways to match lines in their order, the one is taken that needs the fewest
// edits and leaves the fewest lines alone. A line that is the only evidence of an edit is only
// followed where its function has no other line; lines that could as well have moved by another
// distance are not. A function that was put elsewhere in its file breaks the order; it is followed
// where all its lines kept their distances.
//
// Costs O(p log p), where p is the number of pairs of lines of equal functions, which is bounded.
std::vector<std::uint32_t> align_lines(std::span<const FunctionLine> before,
                                       std::span<const FunctionLine> after);

}  // namespace memtrace
