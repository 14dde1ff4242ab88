// Untrusted lines of text, read forwards through a window.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_input.hpp"

namespace memtrace {

// Never holds more of the input than the window, which grows only for a line that is longer.
class LineReader {
 public:
  explicit LineReader(Input& input) : input_(input), window_(kWindowSize) {}

  // The next line without its newline (nor a carriage return before it), valid until the next call;
  // false at the end. Throws Error for endless lines, and where the last line has no newline,
  // unless it may be cut.
  bool next(std::string_view& line, bool may_be_cut = false);

  // For those who look ahead on their own: what is there without reading on, and how much of it to
  // drop. A place to skip to is the start of a line.
  [[nodiscard]] const char* ahead() const { return window_.data() + at_; }
  [[nodiscard]] std::size_t remaining() const { return end_ - at_; }
  void skip_to(const char* place) {
    at_ = static_cast<std::size_t>(place - window_.data());
    line_ = at_;
  }

  // Of the first byte that no line has had yet.
  [[nodiscard]] std::uint64_t offset() const { return window_offset_ + at_; }
  // An Error at the byte where the last line, or the place that was skipped to, begins.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  static constexpr std::size_t kWindowSize = std::size_t{64} << 10;
  static constexpr std::size_t kLongestLine = std::size_t{64} << 20;

  // Keeps what remains and reads more behind it; false at the end of the input.
  bool refill();

  Input& input_;
  std::vector<char> window_;
  std::size_t at_ = 0, end_ = 0;
  std::size_t line_ = 0;             // where the last line begins
  std::uint64_t window_offset_ = 0;  // of the window's first byte
};

// Takes the pieces of a line, from its front. What is not there is left alone.
class LinePieces {
 public:
  explicit LinePieces(std::string_view line) : rest_(line) {}

  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

  void skip_spaces() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }
  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  // Of at most 64 bits, behind spaces.
  bool decimal(std::uint64_t& number) { return take_number(number, 10); }
  bool hexadecimal(std::uint64_t& number) { return take_number(number, 16); }
  // Up to the next space or the end, behind spaces; empty where there is none.
  std::string_view word();
  // Up to `end`, which is dropped; all where there is none.
  std::string_view until(char end);
  // So many bytes; false where there are fewer.
  bool bytes(std::uint64_t size, std::string_view& text);

 private:
  bool take_number(std::uint64_t& number, int base);

  std::string_view rest_;
};

}  // namespace memtrace
