#include "runtime/control/annotations.hpp"

#include <algorithm>

#include "runtime/os/process_identity.hpp"

namespace memtrace::runtime {

constinit Work work;

namespace {

// Of a hexadecimal digit; -1: it is none.
int value_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

}  // namespace

Labels& Labels::operator=(const Labels& other) {
  if (this == &other) return *this;
  text_ = other.text_;
  size_ = other.size_;
  count_ = other.count_;
  const auto moved = [&](std::string_view part) {
    return std::string_view(text_.data() + (part.data() - other.text_.data()), part.size());
  };
  for (std::size_t i = 0; i < count_; ++i) {
    labels_[i] = {moved(other.labels_[i].name), moved(other.labels_[i].value)};
  }
  return *this;
}

// As text, where there is room for it whatever its bytes are: an empty view with no data where
// there is none.
std::string_view Labels::decode(std::string_view text) {
  constexpr std::size_t kMostBytes = 1024;
  std::array<char, kMostBytes> bytes;  // NOLINT: filled below
  std::size_t size = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (size == bytes.size()) return {};
    const bool is_escape = text[at] == '%' && at + 2 < text.size() && value_of(text[at + 1]) >= 0 &&
                           value_of(text[at + 2]) >= 0;
    bytes[size++] = is_escape
                        ? static_cast<char>(value_of(text[at + 1]) * 16 + value_of(text[at + 2]))
                        : text[at];
    if (is_escape) at += 2;
  }
  if (size * kTextGrowth > text_.size() - size_) return {};
  char* const begin = text_.data() + size_;
  const std::size_t length = copy_as_text({bytes.data(), size}, begin);
  size_ += length;
  return {begin, length};
}

bool Labels::set(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  const std::string_view name = decode({text.data(), equals});
  const std::string_view value = decode({text.data() + equals + 1, text.size() - equals - 1});
  if (name.empty() || value.data() == nullptr) return false;
  Label* const end = labels_.data() + count_;
  Label* const place =
      std::find_if(labels_.data(), end, [name](const Label& label) { return label.name >= name; });
  if (place != end && place->name == name) {
    place->value = value;
    return true;
  }
  if (count_ == kMost) return false;
  std::copy_backward(place, end, end + 1);
  *place = {name, value};
  ++count_;
  return true;
}

}  // namespace memtrace::runtime
