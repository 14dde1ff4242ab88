// Sections out: collects items, compresses them, puts the section header in front.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/output.hpp"
#include "wire/format.hpp"

namespace memtrace {

void append_varint(std::string& bytes, std::uint64_t value);

// Writes the sections of one file. A table is written item by item; when a section is full, the
// next one of the same kind begins.
class SectionWriter {
 public:
  explicit SectionWriter(Output& output);
  ~SectionWriter();
  SectionWriter(const SectionWriter&) = delete;
  SectionWriter& operator=(const SectionWriter&) = delete;

  // Starts a table; the section before must have been finished.
  void begin(wire::Section section);
  // Ends one item, whose bytes the caller has appended to payload(). True where the section was
  // full: items that are coded as differences start anew.
  bool end_item();
  // Writes what is left. A table without items leaves no section, unless `even_if_empty`.
  void finish(bool even_if_empty = false);

  std::string& payload() { return payload_; }

 private:
  void write_section();

  struct Compressor;
  Output& output_;
  std::unique_ptr<Compressor> compressor_;
  wire::Section section_ = wire::Section::end;
  std::uint32_t items_ = 0;
  std::string payload_, compressed_;
};

}  // namespace memtrace
