#include "read/section_reader.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include "mtrace/error.hpp"

namespace memtrace {

struct SectionReader::Decompressor {
  Decompressor() = default;
  ~Decompressor() { ZSTD_freeDCtx(context); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  ZSTD_DCtx* const context = ZSTD_createDCtx();
};

SectionReader::SectionReader(Input& input)
    : input_(input), decompressor_(std::make_unique<Decompressor>()) {}

SectionReader::~SectionReader() = default;

std::size_t SectionReader::fill(std::span<std::uint8_t> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const std::size_t got = input_.read(buffer.subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  position_ += filled;
  return filled;
}

std::optional<wire::SectionHeader> SectionReader::next() {
  section_offset_ = position_;
  wire::Front front;
  const std::size_t got = fill(front);
  if (got == 0) return std::nullopt;
  if (got < front.size())
    throw Error::at_byte(position_, "it ends in the middle of a section header");
  const auto header = wire::decode_front(front);
  if (!header) throw Error::at_byte(section_offset_, "damaged section header");
  if (header->major != wire::kMajorVersion) {
    throw Error(fmt::format("it is a snapshot of format version {}; this mtrace reads version {}",
                            header->major, wire::kMajorVersion));
  }
  if (header->raw_size > wire::kMaxRawSize) fail(*header, "it claims to be larger than 16 MiB");
  if (header->compressed_size > ZSTD_compressBound(wire::kMaxRawSize)) {
    fail(*header, "its compressed size is larger than any section's");
  }
  if (header->items > header->raw_size) fail(*header, "it claims more items than it has bytes");
  return header;
}

std::span<const std::uint8_t> SectionReader::unpack(const wire::SectionHeader& header) {
  packed_.resize(header.compressed_size);
  if (fill(packed_) < packed_.size()) fail(header, "the file ends in the middle of it");
  if (ZSTD_getFrameContentSize(packed_.data(), packed_.size()) != header.raw_size) {
    fail(header, "its size is not the one that its header says");
  }
  unpacked_.resize(header.raw_size);
  const std::size_t size = ZSTD_decompressDCtx(decompressor_->context, unpacked_.data(),
                                               unpacked_.size(), packed_.data(), packed_.size());
  if (ZSTD_isError(size)) fail(header, fmt::format("damaged data: {}", ZSTD_getErrorName(size)));
  if (size != header.raw_size) fail(header, "its size is not the one that its header says");
  unpacked_in_all_ += size;
  check_expansion(position_, unpacked_in_all_);
  return unpacked_;
}

void SectionReader::skip(const wire::SectionHeader& header) {
  try {
    input_.skip(header.compressed_size);
  } catch (const Error&) {
    fail(header, "the file ends in the middle of it");
  }
  position_ += header.compressed_size;
}

void SectionReader::fail(const wire::SectionHeader& header, const std::string& what) const {
  throw Error::at_byte(section_offset_,
                       fmt::format("{} section: {}", wire::name_of(header.section), what));
}

}  // namespace memtrace
