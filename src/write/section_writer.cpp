#include "write/section_writer.hpp"

#include <zstd.h>

#include "mtrace/error.hpp"
#include "wire/section_header.hpp"

namespace memtrace {
namespace {

// Large enough to compress well, small enough that several cores have something to do.
constexpr std::size_t kTargetRawSize = std::size_t{1} << 20;

constexpr int kCompressionLevel = 3;

std::string_view text_of(const wire::Front& front) {
  return {reinterpret_cast<const char*>(front.data()), front.size()};
}

}  // namespace

void append_varint(std::string& bytes, std::uint64_t value) {
  while (value >= 0x80) {
    bytes.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  bytes.push_back(static_cast<char>(value));
}

struct SectionWriter::Compressor {
  Compressor() {
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kCompressionLevel);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  }
  ~Compressor() { ZSTD_freeCCtx(context); }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  ZSTD_CCtx* const context = ZSTD_createCCtx();
};

SectionWriter::SectionWriter(Output& output)
    : output_(output), compressor_(std::make_unique<Compressor>()) {}

SectionWriter::~SectionWriter() = default;

void SectionWriter::begin(wire::Section section) {
  section_ = section;
}

bool SectionWriter::end_item() {
  ++items_;
  // The metadata stay in one section, so that one look at the file's start gives all of them.
  if (payload_.size() < kTargetRawSize || section_ == wire::Section::metadata) return false;
  write_section();
  return true;
}

void SectionWriter::finish(bool even_if_empty) {
  if (items_ > 0 || even_if_empty) write_section();
}

void SectionWriter::write_section() {
  if (payload_.size() > wire::kMaxRawSize) {
    throw Error("a name is longer than a snapshot file can hold (16 MiB)");
  }
  compressed_.resize(ZSTD_compressBound(payload_.size()));
  const std::size_t size = ZSTD_compress2(compressor_->context, compressed_.data(),
                                          compressed_.size(), payload_.data(), payload_.size());
  if (ZSTD_isError(size)) throw Error(std::string("zstd: ") + ZSTD_getErrorName(size));
  output_.write(text_of(wire::encode_front({.section = section_,
                                            .items = items_,
                                            .raw_size = payload_.size(),
                                            .compressed_size = size})));
  output_.write(std::string_view(compressed_).substr(0, size));
  payload_.clear();
  items_ = 0;
}

}  // namespace memtrace
