#include "base/file_input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "mtrace/error.hpp"

namespace memtrace {

void Input::skip(std::uint64_t size) {
  std::array<std::uint8_t, 4096> dropped;
  while (size > 0) {
    const std::size_t got =
        read(std::span(dropped).first(std::min<std::uint64_t>(size, dropped.size())));
    if (got == 0) throw Error("it ends too early");
    size -= got;
  }
}

FileInput::FileInput(const std::string& path) {
  if (path == "-") {
    file_ = STDIN_FILENO;
  } else {
    file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    owned_ = true;
  }
  struct stat status {};
  if (file_ < 0 || fstat(file_, &status) != 0) throw Error(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) throw Error(std::strerror(EISDIR));
  if (S_ISREG(status.st_mode)) size_ = static_cast<std::uint64_t>(status.st_size);
}

FileInput::~FileInput() {
  if (owned_ && file_ >= 0) close(file_);
}

std::size_t FileInput::read(std::span<std::uint8_t> buffer) {
  for (;;) {
    const ssize_t got = ::read(file_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(std::strerror(errno));
    position_ += static_cast<std::uint64_t>(got);
    if (progress_) progress_(position_, size_.value_or(0));
    return static_cast<std::size_t>(got);
  }
}

void FileInput::skip(std::uint64_t size) {
  if (size_ && size <= *size_ - std::min(position_, *size_) &&
      lseek(file_, static_cast<off_t>(size), SEEK_CUR) >= 0) {
    position_ += size;
    return;
  }
  Input::skip(size);
}

std::size_t PrefixedInput::read(std::span<std::uint8_t> buffer) {
  if (used_ == prefix_.size()) return rest_.read(buffer);
  const std::size_t size = std::min(buffer.size(), prefix_.size() - used_);
  std::memcpy(buffer.data(), prefix_.data() + used_, size);
  used_ += size;
  return size;
}

void PrefixedInput::skip(std::uint64_t size) {
  const std::uint64_t of_prefix = std::min<std::uint64_t>(size, prefix_.size() - used_);
  used_ += of_prefix;
  rest_.skip(size - of_prefix);
}

std::string read_up_to(Input& input, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const std::size_t got = input.read(
        std::span(reinterpret_cast<std::uint8_t*>(bytes.data()) + filled, size - filled));
    if (got == 0) break;
    filled += got;
  }
  bytes.resize(filled);
  return bytes;
}

namespace {

constexpr std::size_t kMagicSize = 4;
constexpr std::size_t kPackedBufferSize = std::size_t{128} << 10;

// A frame may ask for any window; 128 MiB is what `zstd -d` accepts by default.
constexpr int kMaxWindowLog = 27;

class ZstdInput : public UnpackingInput {
 public:
  explicit ZstdInput(Input& packed) : packed_(packed), buffer_(kPackedBufferSize) {
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  }

  std::size_t read(std::span<std::uint8_t> buffer) override {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    while (out.pos == 0) {
      if (!in_frame_ && !output_pending_ && !begin_frame()) return 0;
      if (in_.pos == in_.size && !output_pending_ && !refill()) {
        throw Error::at_byte(packed_read_, "the zstd data ends too early");
      }
      decompress_into(out);
    }
    unpacked_ += out.pos;
    check(packed_read_, unpacked_);
    return out.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* stream) const { ZSTD_freeDCtx(stream); }
  };

  void decompress_into(ZSTD_outBuffer& out) {
    const std::size_t left = ZSTD_decompressStream(stream_.get(), &out, &in_);
    if (ZSTD_isError(left)) {
      throw Error::at_byte(packed_read_ - (in_.size - in_.pos),
                           std::string("damaged zstd data: ") + ZSTD_getErrorName(left));
    }
    in_frame_ = left != 0;
    output_pending_ = in_frame_ && out.pos == out.size;
  }

  // Whether there is another frame; a kind that is neither zstd's nor skippable is refused. The
  // library would also unpack what zstd was before its first release, with code that is long dead.
  bool begin_frame() {
    while (in_.size - in_.pos < kMagicSize) {
      if (!refill()) break;
    }
    const std::size_t size = in_.size - in_.pos;
    if (size == 0) return false;
    const std::uint8_t* const at = buffer_.data() + in_.pos;
    std::uint32_t magic = 0;
    for (std::size_t i = 0; i < std::min(size, kMagicSize); ++i)
      magic |= std::uint32_t{at[i]} << 8 * i;
    if (magic != ZSTD_MAGICNUMBER &&
        (magic & ZSTD_MAGIC_SKIPPABLE_MASK) != ZSTD_MAGIC_SKIPPABLE_START) {
      throw Error::at_byte(packed_read_ - size, "damaged zstd data: no frame begins here");
    }
    return in_frame_ = true;
  }

  // More input behind what is left of it.
  bool refill() {
    std::copy(buffer_.data() + in_.pos, buffer_.data() + in_.size, buffer_.data());
    const std::size_t left = in_.size - in_.pos;
    const std::size_t got = packed_.read(std::span(buffer_).subspan(left));
    packed_read_ += got;
    in_ = {buffer_.data(), left + got, 0};
    return got != 0;
  }

  Input& packed_;
  std::vector<std::uint8_t> buffer_;
  std::unique_ptr<ZSTD_DCtx, Free> stream_{ZSTD_createDCtx()};
  ZSTD_inBuffer in_{nullptr, 0, 0};
  std::uint64_t packed_read_ = 0, unpacked_ = 0;
  bool in_frame_ = false;
  bool output_pending_ = false;  // there may be output that did not fit last time
};

class GzipInput : public UnpackingInput {
 public:
  explicit GzipInput(Input& packed) : packed_(packed), buffer_(kPackedBufferSize) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw Error("zlib cannot start");
  }
  ~GzipInput() override { inflateEnd(&stream_); }
  GzipInput(const GzipInput&) = delete;
  GzipInput& operator=(const GzipInput&) = delete;

  std::size_t read(std::span<std::uint8_t> buffer) override {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const auto room = static_cast<uInt>(std::min(buffer.size(), kMost));
    stream_.next_out = buffer.data();
    stream_.avail_out = room;
    while (stream_.avail_out == room) {
      if (stream_.avail_in == 0 && !output_pending_ && !refill()) {
        if (in_member_) throw Error::at_byte(packed_read_, "the gzip data ends too early");
        return 0;
      }
      inflate_some();
    }
    const std::size_t got = room - stream_.avail_out;
    unpacked_ += got;
    check(packed_read_, unpacked_);
    return got;
  }

 private:
  void inflate_some() {
    in_member_ = true;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      in_member_ = false;
      inflateReset(&stream_);  // another member may follow
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      const std::string detail = stream_.msg != nullptr ? stream_.msg : "unknown error";
      throw Error::at_byte(packed_read_ - stream_.avail_in, "damaged gzip data: " + detail);
    }
    output_pending_ = in_member_ && stream_.avail_out == 0;
  }

  bool refill() {
    const std::size_t got = packed_.read(buffer_);
    packed_read_ += got;
    stream_.next_in = buffer_.data();
    stream_.avail_in = static_cast<uInt>(got);
    return got != 0;
  }

  Input& packed_;
  std::vector<std::uint8_t> buffer_;
  z_stream stream_{};
  std::uint64_t packed_read_ = 0, unpacked_ = 0;
  bool in_member_ = false;
  bool output_pending_ = false;  // there may be output that did not fit last time
};

}  // namespace

void UnpackingInput::check(std::uint64_t packed, std::uint64_t unpacked) const {
  if (!is_expansion_free_) check_expansion(packed, unpacked);
}

void check_expansion(std::uint64_t packed, std::uint64_t unpacked) {
  if (unpacked > kFreeExpansion && unpacked / kMaxExpansion > packed) {
    throw Error::at_byte(packed, "it expands to more than a thousand times its size");
  }
}

std::unique_ptr<UnpackingInput> make_zstd_input(Input& packed) {
  return std::make_unique<ZstdInput>(packed);
}

std::unique_ptr<UnpackingInput> make_gzip_input(Input& packed) {
  return std::make_unique<GzipInput>(packed);
}

}  // namespace memtrace
