#include "cli/untraceable.hpp"

#include <elf.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <vector>

namespace memtrace {
namespace {

std::string find_in_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* const path = std::getenv("PATH");
  for (std::string_view rest = path == nullptr ? "/bin:/usr/bin" : path;;) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    std::string candidate = std::string(rest.substr(0, end)) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    if (end == rest.size()) return {};
    rest.remove_prefix(end + 1);
  }
}

// What raises its rights makes the dynamic loader ignore LD_PRELOAD.
bool gains_rights(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return false;
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != geteuid()) return true;
  if ((status.st_mode & S_ISGID) != 0 && status.st_gid != getegid()) return true;
  return geteuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
}

std::string first_bytes(const std::string& path) {
  constexpr std::size_t kEnough = 8192;
  std::string bytes(kEnough, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

// "#!/bin/sh -e": "/bin/sh".
std::string interpreter_of(const std::string& bytes) {
  const std::size_t begin = bytes.find_first_not_of(" \t", 2);
  if (begin == std::string::npos) return {};
  return bytes.substr(begin, bytes.find_first_of(" \t\n", begin) - begin);
}

bool is_elf(const std::string& bytes) {
  return bytes.starts_with(ELFMAG) && bytes.size() > sizeof(Elf64_Ehdr);
}

std::vector<Elf64_Phdr> segments_of(const std::string& bytes, unsigned type) {
  std::vector<Elf64_Phdr> segments;
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const std::size_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    if (at > bytes.size() || sizeof(Elf64_Phdr) > bytes.size() - at) break;
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes.data() + at, sizeof(segment));
    if (segment.p_type == type) segments.push_back(segment);
  }
  return segments;
}

// The dynamic loader that an x86-64 program asks for; empty: none.
std::string loader_of(const std::string& bytes) {
  const auto segments = segments_of(bytes, PT_INTERP);
  if (segments.empty()) return {};
  const std::size_t offset = segments.front().p_offset;
  return offset < bytes.size() ? bytes.c_str() + offset : "?";
}

// Go's linker leaves a note under this name, perhaps behind others.
bool has_go_note(std::string_view notes) {
  constexpr std::string_view kOwner("Go\0\0", 4);
  while (notes.size() > sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data(), sizeof(note));
    notes.remove_prefix(sizeof(note));
    if (notes.starts_with(kOwner)) return true;
    const std::size_t size = ((std::size_t{note.n_namesz} + 3) & ~std::size_t{3}) +
                             ((std::size_t{note.n_descsz} + 3) & ~std::size_t{3});
    notes.remove_prefix(std::min(size, notes.size()));
  }
  return false;
}

bool is_go(const std::string& bytes) {
  return std::ranges::any_of(segments_of(bytes, PT_NOTE), [&](const Elf64_Phdr& segment) {
    const std::size_t begin = std::min<std::size_t>(segment.p_offset, bytes.size());
    return has_go_note(std::string_view(bytes).substr(begin, segment.p_filesz));
  });
}

std::string why_not_elf(const std::string& bytes) {
  const auto machine = static_cast<unsigned char>(bytes[offsetof(Elf64_Ehdr, e_machine)]);
  if (bytes[EI_CLASS] != ELFCLASS64 || machine != EM_X86_64) return "it is not an x86-64 program";
  const std::string loader = loader_of(bytes);
  if (loader.empty()) return "it is statically linked, so that nothing can be loaded into it";
  if (loader.find("musl") != std::string::npos) return "it uses another C library than glibc";
  return {};
}

}  // namespace

std::string why_untraceable(const std::string& name) {
  constexpr int kMostInterpreters = 4;  // a script's may be a script, as the kernel allows
  std::string path = find_in_path(name);
  for (int i = 0; i <= kMostInterpreters && !path.empty(); ++i) {
    if (gains_rights(path)) {
      return "it runs with the rights of somebody else (setuid, setgid or capabilities), and the "
             "system lets nothing be loaded into such programs";
    }
    const std::string bytes = first_bytes(path);
    if (is_elf(bytes)) return why_not_elf(bytes);
    if (!bytes.starts_with("#!")) return {};
    path = interpreter_of(bytes);
  }
  return {};
}

bool is_go_program(const std::string& name) {
  const std::string bytes = first_bytes(find_in_path(name));
  return is_elf(bytes) && bytes[EI_CLASS] == ELFCLASS64 && is_go(bytes);
}

}  // namespace memtrace
