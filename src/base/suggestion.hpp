// "did you mean": the nearest known word.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace memtrace {

// The candidate with the fewest edits (at most a third of the word), or else the only one that
// begins with the word, with an edit at most; or empty.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace memtrace
