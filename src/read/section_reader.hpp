// Sections in: finds them, checks what their headers claim, unpacks them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/input.hpp"
#include "wire/section_header.hpp"

namespace memtrace {

// Goes through the sections of one file. Memory: one section packed and unpacked, 16 MiB each at
// the most, whatever the headers claim. Throws Error that names section and byte.
class SectionReader {
 public:
  explicit SectionReader(Input& input);
  ~SectionReader();
  SectionReader(const SectionReader&) = delete;
  SectionReader& operator=(const SectionReader&) = delete;

  // The next section's header; nullopt at the end of the file. The section before must have been
  // unpacked or skipped.
  std::optional<wire::SectionHeader> next();
  // Valid until the next call.
  std::span<const std::uint8_t> unpack(const wire::SectionHeader& header);
  void skip(const wire::SectionHeader& header);

  // Where the section that was returned last begins, in bytes from the file's start.
  [[nodiscard]] std::uint64_t section_offset() const { return section_offset_; }

 private:
  [[noreturn]] void fail(const wire::SectionHeader& header, const std::string& what) const;
  std::size_t fill(std::span<std::uint8_t> buffer);

  struct Decompressor;
  Input& input_;
  std::unique_ptr<Decompressor> decompressor_;
  std::vector<std::uint8_t> packed_, unpacked_;
  std::uint64_t position_ = 0, section_offset_ = 0, unpacked_in_all_ = 0;
};

}  // namespace memtrace
