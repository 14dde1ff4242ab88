#include "runtime/snapshot/section_buffer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

// A context in memory that the caller gives is declared for those who link zstd statically.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "runtime/os/system_call.hpp"
#include "wire/section_header.hpp"

namespace memtrace::runtime {
namespace {

// As the analysis half's writer does it, so that both write the same sections, if not packed alike.
constexpr std::size_t kTargetRawSize = std::size_t{1} << 20;

// A third of the time that level 3 takes, for files that are hardly larger.
constexpr int kCompressionLevel = 1;

}  // namespace

bool SectionBuffer::prepare() {
  constexpr std::size_t kMaxRawSize = kTargetRawSize + kMaxItemSize;
  if (!payload_.allocate(kMaxRawSize) ||
      !compressed_.allocate(wire::kFrontSize + ZSTD_compressBound(kMaxRawSize)) ||
      !workspace_.allocate(ZSTD_estimateCCtxSize(kCompressionLevel))) {
    return false;
  }
  begin_ = next_ = payload_.begin();
  ZSTD_CCtx* const context = ZSTD_initStaticCCtx(workspace_.begin(), workspace_.size());
  compressor_ = context;
  if (context == nullptr) return false;
  // A static context does not begin with the usual parameters.
  const std::array results = {
      ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters),
      ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kCompressionLevel),
      ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)};
  return std::none_of(results.begin(), results.end(),
                      [](std::size_t result) { return ZSTD_isError(result) != 0; });
}

void SectionBuffer::bytes(std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(next_, bytes.data(), bytes.size());
  next_ += bytes.size();
}

// The metadata stay in one section, so that one look at the file's start gives all of them.
bool SectionBuffer::is_full() const {
  return size() >= kTargetRawSize && section_ != wire::Section::metadata;
}

void SectionBuffer::write_section() {
  char* const frame = compressed_.begin() + wire::kFrontSize;
  const std::size_t compressed =
      ZSTD_compress2(static_cast<ZSTD_CCtx*>(compressor_), frame,
                     compressed_.size() - wire::kFrontSize, begin_, size());
  if (ZSTD_isError(compressed)) {
    if (error_ == 0) error_ = ENOMEM;
  } else {
    const wire::Front front = wire::encode_front(
        {.section = section_, .items = items_, .raw_size = size(), .compressed_size = compressed});
    std::memcpy(compressed_.begin(), front.data(), front.size());
    write(compressed_.begin(), wire::kFrontSize + compressed);
  }
  next_ = begin_;
  items_ = 0;
}

void SectionBuffer::write(const char* data, std::size_t size) {
  while (size > 0 && error_ == 0) {
    const long written = system_call(SYS_write, file_, data, size);
    if (written == -EINTR) continue;
    if (is_error(written)) {
      error_ = static_cast<int>(-written);
      return;
    }
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

}  // namespace memtrace::runtime
