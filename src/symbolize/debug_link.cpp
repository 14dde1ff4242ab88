#include "symbolize/debug_link.hpp"

#include <elfutils/libdwelf.h>
#include <zlib.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include <unistd.h>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

std::uint32_t checksum_of(int file) {
  std::vector<unsigned char> buffer(std::size_t{1} << 16);
  uLong sum = crc32(0, nullptr, 0);
  off_t offset = 0;
  for (ssize_t size = 0; (size = pread(file, buffer.data(), buffer.size(), offset)) > 0;) {
    sum = crc32(sum, buffer.data(), static_cast<uInt>(size));
    offset += size;
  }
  return static_cast<std::uint32_t>(sum);
}

struct Link {
  std::string name;
  std::optional<std::uint32_t> checksum;
  std::string build_id;
};

Link link_of(const ElfFile& main) {
  GElf_Word checksum = 0;
  const char* const name = dwelf_elf_gnu_debuglink(main.elf(), &checksum);
  if (name != nullptr && *name != '\0') return {name, checksum, main.build_id()};
  const std::filesystem::path own(main.path());
  return {own.filename().string() + ".debug", std::nullopt, main.build_id()};
}

std::unique_ptr<ElfFile> open_if_linked(const std::filesystem::path& path, const Link& link) {
  try {
    auto file = std::make_unique<ElfFile>(path.string());
    const bool is_it = link.build_id.empty()
                           ? link.checksum && checksum_of(file->file()) == *link.checksum
                           : file->build_id() == link.build_id;
    // A program may be named as its own debug information.
    if (is_it && file->has_debug_information()) return file;
  } catch (const Error&) {
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<ElfFile> find_by_debug_link(const ElfFile& main, const std::string& path,
                                            std::span<const std::string> folders) {
  const Link link = link_of(main);
  std::error_code ignored;
  const std::filesystem::path beside = std::filesystem::path(main.path()).parent_path();
  // What a symbolic link leads to may have its debug information beside it.
  const std::filesystem::path real = std::filesystem::weakly_canonical(main.path(), ignored);
  std::vector<std::filesystem::path> places = {beside, beside / ".debug", real.parent_path(),
                                               real.parent_path() / ".debug"};
  const std::filesystem::path traced = std::filesystem::path(path).parent_path().relative_path();
  for (const std::string& folder : folders) {
    places.push_back(folder / traced);
    places.emplace_back(folder);
  }
  for (const std::filesystem::path& place : places) {
    if (auto file = open_if_linked(place / link.name, link)) return file;
  }
  return nullptr;
}

}  // namespace memtrace
