#include "read/byte_stream.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "mtrace/error.hpp"

namespace memtrace {

void ByteStream::fail(const std::string& what) const {
  throw Error::at_byte(item_offset_, what);
}

bool ByteStream::refill() {
  const std::size_t kept = remaining();
  window_offset_ = offset();
  std::memmove(window_.get(), at_, kept);
  const std::size_t got = input_.read({window_.get() + kept, kWindowSize - kept});
  at_ = window_.get();
  end_ = at_ + kept + got;
  return got != 0;
}

void ByteStream::require(std::size_t size) {
  while (remaining() < size) {
    if (refill()) continue;
    throw Error::at_byte(offset() + remaining(), "it ends in the middle of the pickle");
  }
}

std::string_view ByteStream::long_bytes(std::size_t size) {
  scratch_.clear();
  while (scratch_.size() < size) {
    require(1);
    const std::string_view piece = bytes(std::min(size - scratch_.size(), remaining()));
    scratch_.append(piece);
  }
  return scratch_;
}

std::string ByteStream::line(std::size_t limit) {
  std::string text;
  for (;;) {
    const auto byte = static_cast<char>(little_endian<std::uint8_t>());
    if (byte == '\n') return text;
    if (text.size() == limit) fail(fmt::format("a name has more than {} bytes", limit));
    text.push_back(byte);
  }
}

}  // namespace memtrace
