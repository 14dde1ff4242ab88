#include "wire/section_encoder.hpp"

#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "wire/section_header.hpp"

namespace memtrace::wire {

bool SectionEncoder::prepare() {
  return grow(kUsualRawSize);
}

// Room for so many bytes, and numbers behind them.
bool SectionEncoder::grow(std::size_t size) {
  EncodingArray<char> raw, compressed;
  if (!raw.allocate(memory_, size + kRoomForNumbers) ||
      !compressed.allocate(memory_, kFrontSize + ZSTD_compressBound(size + kRoomForNumbers))) {
    fail(EncodingError::no_memory);
    return false;
  }
  const std::size_t used = this->size();
  if (used > 0) std::memcpy(raw.begin(), raw_.begin(), used);
  raw_.swap(raw);
  compressed_.swap(compressed);
  next_ = raw_.begin() + used;
  return true;
}

void SectionEncoder::bytes(std::string_view bytes) {
  if (bytes.size() + kRoomForNumbers > raw_.size() - size()) make_room(bytes.size());
  if (error_ != EncodingError::none) {
    next_ = raw_.begin();
    return;
  }
  if (!bytes.empty()) std::memcpy(next_, bytes.data(), bytes.size());
  next_ += bytes.size();
}

void SectionEncoder::make_room(std::size_t more) {
  if (more > kMaxRawSize || size() + more > kMaxRawSize) {
    fail(EncodingError::too_long);
  } else {
    grow(std::max(size() + more, 2 * size()));
  }
}

void SectionEncoder::write_section() {
  if (size() > kMaxRawSize) fail(EncodingError::too_long);
  if (error_ == EncodingError::none) {
    char* const frame = compressed_.begin() + kFrontSize;
    const std::size_t compressed =
        ZSTD_compress2(compressor_, frame, compressed_.size() - kFrontSize, raw_.begin(), size());
    if (ZSTD_isError(compressed) != 0) {
      fail(EncodingError::compression);
    } else {
      const Front front = encode_front({.minor = minor_,
                                        .section = section_,
                                        .items = items_,
                                        .raw_size = size(),
                                        .compressed_size = compressed});
      std::memcpy(compressed_.begin(), front.data(), front.size());
      write({compressed_.begin(), kFrontSize + compressed});
    }
  }
  next_ = raw_.begin();
  items_ = 0;
}

void SectionEncoder::write(std::string_view bytes) {
  if (!output_.write(output_.object, bytes.data(), bytes.size())) fail(EncodingError::output);
}

}  // namespace memtrace::wire
