#include "base/suggestion.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace memtrace {
namespace {

// Edits from one word to the other: a letter more, less, another one, or two swapped (optimal
// string alignment, three rows of the table at a time).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, row);
  }
  return last.back();
}

// The only candidate that begins with the word, but for so many edits; or empty.
std::string only_one_that_begins_with(std::string_view word, std::size_t edits,
                                      std::span<const std::string> candidates) {
  const auto begins = [&](const std::string& candidate) {
    return edit_distance(word, std::string_view(candidate).substr(0, word.size())) <= edits;
  };
  if (std::ranges::count_if(candidates, begins) != 1) return {};
  return *std::ranges::find_if(candidates, begins);
}

std::string begun(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t kLeast = 2, kLeastWithEdit = 5;
  if (word.size() < kLeast) return {};
  const std::string exact = only_one_that_begins_with(word, 0, candidates);
  if (!exact.empty() || word.size() < kLeastWithEdit) return exact;
  return only_one_that_begins_with(word, 1, candidates);
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best.empty() ? begun(word, candidates) : best;
}

}  // namespace memtrace
