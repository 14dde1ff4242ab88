// Short texts, put together in place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace memtrace::runtime {

// A NUL-terminated text of at most kSize - 1 bytes. What does not fit is dropped and is_whole() is
// false from then on.
template <std::size_t kSize>
class TextBuffer {
 public:
  TextBuffer& operator<<(std::string_view text) {
    if (text.size() >= kSize - size_) {
      whole_ = false;
      return *this;
    }
    if (!text.empty()) std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
    bytes_[size_] = '\0';
    return *this;
  }
  TextBuffer& operator<<(char character) { return *this << std::string_view(&character, 1); }
  TextBuffer& operator<<(std::uint64_t number) {
    std::array<char, 20> digits{};
    std::size_t first = digits.size();
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return *this << std::string_view(digits.data() + first, digits.size() - first);
  }

  void clear() {
    size_ = 0;
    whole_ = true;
    bytes_[0] = '\0';
  }
  void shorten(std::size_t size) {
    size_ = size;
    bytes_[size_] = '\0';
  }
  [[nodiscard]] bool is_whole() const { return whole_; }
  [[nodiscard]] const char* c_str() const { return bytes_.data(); }
  [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kSize> bytes_{};
  std::size_t size_ = 0;
  bool whole_ = true;
};

}  // namespace memtrace::runtime
