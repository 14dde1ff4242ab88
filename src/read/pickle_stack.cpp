#include "read/pickle_stack.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace memtrace {

void PickleStack::push_mark() {
  if (marks_ == kMaxMarks) {
    stream_.fail(fmt::format("{} marks are open: no tracemalloc dump has as many", marks_));
  }
  mark_[marks_++] = values_.size();
}

std::size_t PickleStack::pop_mark() {
  if (marks_ == 0) stream_.fail("a mark is missing");
  return values_.size() - mark_[--marks_];
}

void PickleStack::require(std::size_t values) const {
  const std::size_t below = marks_ == 0 ? 0 : mark_[marks_ - 1];
  if (values_.size() - below < values) stream_.fail("the pickle takes objects that are not there");
}

// Only the traces of a tuple may be many: CPython's own lists come in batches of a thousand.
void PickleStack::raise_limit() {
  if (values_.size() >= kMaxTraces) {
    stream_.fail(
        fmt::format("a tuple of more than {} traces: only a list may be longer", kMaxTraces));
  }
  const auto loose = std::count_if(values_.begin(), values_.end(), [](PickleValue value) {
    return !value.is_trace() && !value.is(PickleValue::Kind::large_trace);
  });
  if (static_cast<std::size_t>(loose) > kMaxLooseValues) {
    stream_.fail(fmt::format("{} objects are open: no tracemalloc dump has as many", loose));
  }
  limit_ *= 2;
}

}  // namespace memtrace
