// Sections of a snapshot file, collected, compressed and written without the heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/os/mapped_array.hpp"
#include "wire/format.hpp"

namespace memtrace::runtime {

// Writes the sections of one file into a descriptor. A table is written item by item; when a
// section is full, the next one of the same kind begins. After an error it only pretends.
class SectionBuffer {
 public:
  // Of one item: nothing may append more than this before end_item().
  static constexpr std::size_t kMaxItemSize = std::size_t{128} << 10;

  explicit SectionBuffer(int file) : file_(file) {}

  // Once, before anything else. false where there is no memory.
  bool prepare();

  void begin(wire::Section section) { section_ = section; }
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      *next_++ = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    *next_++ = static_cast<char>(value);
  }
  void bytes(std::string_view bytes);
  // True where the section was full: items that are coded as differences start anew.
  bool end_item() {
    ++items_;
    if (!is_full()) return false;
    write_section();
    return true;
  }
  // Writes what is left. A table without items leaves no section, unless `even_if_empty`.
  void finish(bool even_if_empty = false) {
    if (items_ > 0 || even_if_empty) write_section();
  }

  // 0, or the number of the first error.
  [[nodiscard]] int error() const { return error_; }

 private:
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(next_ - begin_); }
  [[nodiscard]] bool is_full() const;
  void write_section();
  void write(const char* data, std::size_t size);

  int file_;
  int error_ = 0;
  wire::Section section_ = wire::Section::end;
  std::uint32_t items_ = 0;
  char* begin_ = nullptr;  // of the payload
  char* next_ = nullptr;
  MappedArray<char> payload_, compressed_, workspace_;
  void* compressor_ = nullptr;  // in the workspace
};

}  // namespace memtrace::runtime
