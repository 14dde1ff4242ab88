#include "read/line_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "mtrace/error.hpp"

namespace memtrace {

void LineReader::fail(const std::string& what) const {
  throw Error::at_byte(window_offset_ + line_, what);
}

bool LineReader::refill() {
  const std::size_t kept = remaining();
  if (at_ != 0) std::memmove(window_.data(), window_.data() + at_, kept);
  window_offset_ += at_;
  at_ = line_ = 0;
  end_ = kept;
  if (end_ == window_.size()) {
    if (window_.size() >= kLongestLine) fail("a line of more than 64 MiB");
    window_.resize(2 * window_.size());
  }
  const std::span<char> free = std::span(window_).subspan(end_);
  const std::size_t got = input_.read({reinterpret_cast<std::uint8_t*>(free.data()), free.size()});
  end_ += got;
  return got != 0;
}

bool LineReader::next(std::string_view& line, bool may_be_cut) {
  line_ = at_;
  std::size_t looked_at = 0;
  for (;;) {
    const char* const from = ahead() + looked_at;
    const auto* const newline =
        static_cast<const char*>(std::memchr(from, '\n', remaining() - looked_at));
    if (newline != nullptr) {
      line = {ahead(), static_cast<std::size_t>(newline - ahead())};
      at_ += line.size() + 1;
      if (line.ends_with('\r')) line.remove_suffix(1);
      return true;
    }
    looked_at = remaining();
    if (refill()) continue;
    if (looked_at != 0 && !may_be_cut) fail("it ends in the middle of a line: it is cut");
    line = {ahead(), looked_at};
    at_ = end_;
    return looked_at != 0;
  }
}

bool LinePieces::take_number(std::uint64_t& number, int base) {
  skip_spaces();
  const char* const end = rest_.data() + rest_.size();
  const auto [parsed_to, error] = std::from_chars(rest_.data(), end, number, base);
  if (error != std::errc()) return false;
  rest_.remove_prefix(static_cast<std::size_t>(parsed_to - rest_.data()));
  return true;
}

std::string_view LinePieces::word() {
  skip_spaces();
  const std::string_view taken = rest_.substr(0, rest_.find_first_of(" \t"));
  rest_.remove_prefix(taken.size());
  return taken;
}

std::string_view LinePieces::until(char end) {
  const std::size_t place = rest_.find(end);
  const std::string_view taken = rest_.substr(0, place);
  rest_.remove_prefix(std::min(rest_.size(), taken.size() + 1));
  return taken;
}

bool LinePieces::bytes(std::uint64_t size, std::string_view& text) {
  if (size > rest_.size()) return false;
  text = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

}  // namespace memtrace
