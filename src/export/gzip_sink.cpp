#include "export/gzip_sink.hpp"

#include <algorithm>
#include <limits>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr std::size_t kPieceSize = std::size_t{1} << 16;
// Profiles repeat themselves: more effort than the least takes three times as long for a tenth.
constexpr int kEffort = Z_BEST_SPEED;
constexpr int kGzip = 16 + MAX_WBITS;
constexpr int kMemory = 8;

}  // namespace

GzipSink::GzipSink(Sink& sink) : sink_(sink), packed_(kPieceSize, '\0') {
  if (deflateInit2(&stream_, kEffort, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error("not enough memory to compress");
  }
}

GzipSink::~GzipSink() {
  deflateEnd(&stream_);
}

void GzipSink::write(std::string_view bytes) {
  deflate_all(bytes, Z_NO_FLUSH);
}

void GzipSink::finish() {
  deflate_all({}, Z_FINISH);
}

// zlib counts in 32 bits.
void GzipSink::deflate_all(std::string_view bytes, int flush) {
  do {
    const std::string_view piece = bytes.substr(0, std::numeric_limits<unsigned int>::max() / 2);
    bytes.remove_prefix(piece.size());
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<unsigned int>(piece.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(packed_.data());
      stream_.avail_out = static_cast<unsigned int>(packed_.size());
      // It fails for arguments that make no sense only.
      static_cast<void>(deflate(&stream_, flush));
      sink_.write(std::string_view(packed_).substr(0, packed_.size() - stream_.avail_out));
    } while (stream_.avail_out == 0);
  } while (!bytes.empty());
}

}  // namespace memtrace
