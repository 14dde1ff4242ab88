// All the text of a snapshot, each string once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/ids.hpp"

namespace memtrace {

// Strings are UTF-8 in which lone surrogates are allowed (as CPython's "surrogatepass" encodes
// them), because Python's file names may contain them. Comparing bytes compares code points.
class StringTable {
 public:
  // Appends without looking for an equal string; TracebackBuilder interns strings.
  StringId add(std::string_view text) {
    bytes_.append(text);
    ends_.push_back(bytes_.size());
    return StringId{static_cast<std::uint32_t>(ends_.size() - 1)};
  }

  // Valid until the next add(). kNone is the empty string.
  std::string_view operator[](StringId id) const {
    if (id == kNone<StringId>) return {};
    const std::size_t index = index_of(id);
    const std::uint64_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(bytes_).substr(begin, ends_[index] - begin);
  }

  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] bool contains(StringId id) const { return index_of(id) < ends_.size(); }

 private:
  std::string bytes_;
  std::vector<std::uint64_t> ends_;
};

}  // namespace memtrace
