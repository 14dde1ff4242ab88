#include "symbolize/debug_files.hpp"

#include <elfutils/libdwelf.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

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

// The file that `main` names as its debug information (.gnu_debuglink; without that, its own name
// and ".debug"): beside it, in .debug beside it, or in one of the folders, there also below the
// path of `main`. It is believed by its build id, or without one by its checksum. nullptr where
// there is none. `path` is where `main` was when it was traced.
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

constexpr const char* kSystemDebugFolder = "/usr/lib/debug";

std::vector<std::string> debug_folders(const SymbolizeOptions& options) {
  std::vector<std::string> folders;
  for (const std::string& folder : options.debug_folders) {
    folders.push_back(std::filesystem::absolute(folder).string());
  }
  if (!options.sysroot.empty()) {
    folders.push_back(std::filesystem::absolute(options.sysroot + kSystemDebugFolder).string());
  }
  folders.emplace_back(kSystemDebugFolder);
  return folders;
}

// nullptr where it cannot be opened or is another build.
std::unique_ptr<ElfFile> open_if_build(const std::string& path, const std::string& build_id) {
  try {
    auto file = std::make_unique<ElfFile>(path);
    if (file->build_id() == build_id) return file;
  } catch (const Error&) {
  }
  return nullptr;
}

std::unique_ptr<ElfFile> find_by_build_id(const std::string& build_id, const char* suffix,
                                          const SymbolizeOptions& options) {
  if (build_id.size() < 2) return nullptr;
  const std::string digits = hexadecimal(build_id);
  for (const std::string& folder : debug_folders(options)) {
    const std::string path =
        fmt::format("{}/.build-id/{}/{}{}", folder, digits.substr(0, 2), digits.substr(2), suffix);
    if (auto file = open_if_build(path, build_id)) return file;
  }
  return nullptr;
}

std::string other_build(const std::string& found, const std::string& traced) {
  if (traced.empty()) return fmt::format("it has build id {}, what was traced had none", found);
  return fmt::format("it is another build than the one that was traced (build id {}, not {})",
                     found.empty() ? "unknown" : found, traced);
}

}  // namespace

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

ModuleFiles find_module_files(const std::string& path, const std::optional<std::string>& traced_id,
                              const SymbolizeOptions& options, DebugServers& servers) {
  ModuleFiles files;
  std::string reason, build_id = traced_id.value_or("");
  try {
    files.main = std::make_unique<ElfFile>(options.sysroot + path);
    const std::string found = files.main->build_id();
    if (!traced_id) build_id = found;
    if (found != build_id) {
      reason = other_build(hexadecimal(found), hexadecimal(build_id));
      files.main = nullptr;
    }
  } catch (const Error& error) {
    reason = error.what();
  }
  if (!files.main) files.main = find_by_build_id(build_id, "", options);
  if (files.main && files.main->has_debug_information()) return files;
  files.debug = find_by_build_id(build_id, ".debug", options);
  if (!files.debug && files.main) {
    files.debug = find_by_debug_link(*files.main, path, debug_folders(options));
  }
  if (!files.debug) files.debug = servers.debug_information(build_id, files.problem);
  if (!files.debug && !files.main) files.main = servers.module(build_id, files.problem);
  if (!files.main && !files.debug) {
    throw Error(files.problem.empty() ? reason : fmt::format("{}; {}", reason, files.problem));
  }
  return files;
}

std::unique_ptr<ElfFile> find_shared_debug_file(const ElfFile& debug, const std::string& name,
                                                const std::string& build_id,
                                                const SymbolizeOptions& options,
                                                DebugServers& servers, std::string& problem) {
  if (auto file = find_by_build_id(build_id, ".debug", options)) return file;
  const std::filesystem::path folder = std::filesystem::path(debug.path()).parent_path();
  // An absolute name stays what it is.
  if (auto file = open_if_build((folder / name).string(), build_id)) return file;
  const std::string_view system = kSystemDebugFolder;
  if (name.starts_with(system)) {
    for (const std::string& below : debug_folders(options)) {
      if (auto file = open_if_build(below + name.substr(system.size()), build_id)) return file;
    }
  } else if (auto file = open_if_build(options.sysroot + name, build_id)) {
    return file;
  }
  return servers.debug_information(build_id, problem);
}

}  // namespace memtrace
