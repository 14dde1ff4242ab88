// An ELF file, open for reading.
#pragma once

#include <elfutils/libdw.h>
#include <libelf.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace memtrace {

// The content of a section.
using Bytes = std::span<const std::uint8_t>;

// libdw's handle, owned.
struct DwarfEnd {
  void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};
using DwarfPointer = std::unique_ptr<Dwarf, DwarfEnd>;

// Throws Error where the debug information is damaged. Does not take `elf`.
DwarfPointer begin_dwarf(Elf* elf);

struct CodeRange {
  std::uint64_t low = 0, high = 0;  // high is the first address behind it
  [[nodiscard]] bool contains(std::uint64_t address) const {
    return low <= address && address < high;
  }
};

// Whether it is in one of the ranges, or there is none: then nothing is known.
bool is_code(std::span<const CodeRange> code, std::uint64_t address);

// The same as of an ElfFile, of one that libdw opened.
Elf_Scn* find_section(Elf* elf, const char* name);
Bytes section_content(Elf* elf, const char* name);

// Maps the file: only what is looked at is read, and nothing is written to it. Not for several
// threads at once.
class ElfFile {
 public:
  // Throws Error, without the path: the system's reason, or that it is no ELF file.
  explicit ElfFile(std::string path);
  // Takes the file descriptor.
  ElfFile(std::string path, int file);
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int file() const { return file_; }
  [[nodiscard]] Elf* elf() const { return elf_; }

  // Raw bytes; empty where there is none.
  [[nodiscard]] std::string build_id() const;
  // nullptr where there is no such section, or only its header.
  [[nodiscard]] Elf_Scn* section(const char* name) const { return find_section(elf_, name); }
  // What is in it, as it is now: unpacked once a Dwarf was begun. Empty where there is none.
  [[nodiscard]] Bytes content(const char* name) const { return section_content(elf_, name); }
  // Unpacks it first.
  [[nodiscard]] Bytes unpacked(const char* name) const;
  [[nodiscard]] bool has_debug_information() const;
  // Debug information that tells nothing about lines and functions is not there from now on. It is
  // half of all, and libdw would unpack it. Neither are compressed sections that would be far
  // larger unpacked than debug information ever is: false where there was one of those.
  bool hide_unused_debug_information();
  // The segments that hold code, as addresses of the file.
  [[nodiscard]] std::vector<CodeRange> code() const;

 private:
  void begin();
  void hide(Elf_Scn* section);

  std::string path_;
  int file_ = -1;
  Elf* elf_ = nullptr;
};

}  // namespace memtrace
