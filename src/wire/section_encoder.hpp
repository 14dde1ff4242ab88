// Sections of a snapshot file, collected, compressed and handed on without the heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wire/encoding_memory.hpp"
#include "wire/format.hpp"
#include "wire/varint.hpp"

struct ZSTD_CCtx_s;

namespace memtrace::wire {

enum class EncodingError : std::uint8_t {
  none,
  no_memory,
  too_long,     // a name, for a section
  too_large,    // the sum of a column, for 63 bits
  compression,  // zstd's
  output,       // the caller's own
};

// Where the bytes go. false ends it.
struct EncodingOutput {
  void* object = nullptr;
  bool (*write)(void* object, const char* data, std::size_t size) = nullptr;
};

// Writes the sections of one file. A table is written item by item; when a section is full, the
// next one of the same kind begins. After an error it only pretends.
class SectionEncoder {
 public:
  // `compressor` has its parameters, and puts content size and checksum into its frames. All three
  // must live on.
  SectionEncoder(const EncodingMemory& memory, const EncodingOutput& output,
                 ZSTD_CCtx_s* compressor)
      : memory_(memory), output_(output), compressor_(compressor) {}

  // Once, before anything else. false where there is no memory.
  bool prepare();

  // Which minor version the file's sections say, before the first one.
  void set_minor_version(std::uint16_t minor) { minor_ = minor; }

  void begin(Section section) { section_ = section; }
  // An item is a few numbers, and as many bytes as there are.
  void varint(std::uint64_t value) { next_ = put_varint(next_, value); }
  void bytes(std::string_view bytes);
  // True where the section was full: items that are coded as differences start anew.
  bool end_item() {
    ++items_;
    if (size() < kTargetRawSize || section_ == Section::metadata) return false;
    write_section();
    return true;
  }
  // Writes what is left. A table without items leaves no section, unless `even_if_empty`.
  void finish(bool even_if_empty = false) {
    if (items_ > 0 || even_if_empty) write_section();
  }

  void fail(EncodingError error) {
    if (error_ == EncodingError::none) error_ = error;
  }
  // The first one.
  [[nodiscard]] EncodingError error() const { return error_; }

  // Of a zstd frame: what a compressor in memory of a fixed size must be ready for.
  static constexpr std::size_t kUsualRawSize = (std::size_t{1} << 20) + (std::size_t{128} << 10);

 private:
  // Large enough to compress well, small enough that several cores have something to do. The
  // metadata stay in one section, so that one look at the file's start gives all of them.
  static constexpr std::size_t kTargetRawSize = std::size_t{1} << 20;
  // For the numbers of items without bytes, and of the metadata.
  static constexpr std::size_t kRoomForNumbers = 4096;

  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(next_ - raw_.items().data());
  }
  bool grow(std::size_t size);
  void make_room(std::size_t more);
  void write_section();
  void write(std::string_view bytes);

  const EncodingMemory& memory_;
  const EncodingOutput& output_;
  ZSTD_CCtx_s* compressor_;
  EncodingError error_ = EncodingError::none;
  Section section_ = Section::end;
  std::uint32_t items_ = 0;
  std::uint16_t minor_ = 0;
  EncodingArray<char> raw_, compressed_;
  char* next_ = nullptr;  // in raw_
};

}  // namespace memtrace::wire
