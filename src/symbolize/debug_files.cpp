#include "symbolize/debug_files.hpp"

#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

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

// libdwfl's rules for where debug information can be, and its way to debuginfod, for one module.
class Finder {
 public:
  explicit Finder(const SymbolizeOptions& options) {
    for (const char* const beside : {"", ".debug"}) path_ += beside + std::string(":");
    for (const std::string& folder : debug_folders(options)) path_ += folder + ":";
    path_.pop_back();
    path_text_ = path_.data();
    callbacks_.find_elf = dwfl_build_id_find_elf;
    callbacks_.find_debuginfo = dwfl_standard_find_debuginfo;
    callbacks_.debuginfo_path = &path_text_;
    dwfl_ = dwfl_begin(&callbacks_);
    if (dwfl_ == nullptr) throw std::bad_alloc();
  }
  ~Finder() { dwfl_end(dwfl_); }
  Finder(const Finder&) = delete;
  Finder& operator=(const Finder&) = delete;

  // The module itself, by its build id alone.
  std::unique_ptr<ElfFile> module_file(const std::string& name, const std::string& build_id) {
    dwfl_report_begin(dwfl_);
    Dwfl_Module* const module = dwfl_report_module(dwfl_, name.c_str(), 0, ~GElf_Addr{0});
    if (module == nullptr) return nullptr;
    dwfl_module_report_build_id(module, reinterpret_cast<const unsigned char*>(build_id.data()),
                                build_id.size(), 0);
    dwfl_report_end(dwfl_, nullptr, nullptr);
    char* found = nullptr;
    Elf* elf = nullptr;
    const int file = dwfl_build_id_find_elf(module, nullptr, name.c_str(), 0, &found, &elf);
    elf_end(elf);
    return taken(file, found);
  }

  std::unique_ptr<ElfFile> debug_file(const ElfFile& main) {
    dwfl_report_begin(dwfl_);
    Dwfl_Module* const module =
        dwfl_report_elf(dwfl_, main.path().c_str(), main.path().c_str(), -1, 0, true);
    dwfl_report_end(dwfl_, nullptr, nullptr);
    GElf_Addr bias = 0;
    if (module == nullptr || dwfl_module_getelf(module, &bias) == nullptr) return nullptr;
    GElf_Word checksum = 0;
    const char* const link = dwelf_elf_gnu_debuglink(main.elf(), &checksum);
    char* found = nullptr;
    const int file = dwfl_standard_find_debuginfo(module, nullptr, main.path().c_str(), 0,
                                                  main.path().c_str(), link, checksum, &found);
    return taken(file, found);
  }

 private:
  static std::unique_ptr<ElfFile> taken(int file, char* path) {
    const std::unique_ptr<char, void (*)(void*)> owned(path, std::free);
    if (file < 0) return nullptr;
    try {
      return std::make_unique<ElfFile>(path == nullptr ? "" : path, file);
    } catch (const Error&) {
      return nullptr;
    }
  }

  std::string path_;
  char* path_text_ = nullptr;
  Dwfl_Callbacks callbacks_{};
  Dwfl* dwfl_ = nullptr;
};

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

ModuleFiles find_module_files(const std::string& path, const std::string& build_id,
                              const SymbolizeOptions& options) {
  ModuleFiles files;
  Finder finder(options);
  std::string reason;
  try {
    files.main = std::make_unique<ElfFile>(options.sysroot + path);
    const std::string found = files.main->build_id();
    if (found != build_id) {
      reason = other_build(hexadecimal(found), hexadecimal(build_id));
      files.main = nullptr;
    }
  } catch (const Error& error) {
    reason = error.what();
  }
  if (!files.main) files.main = find_by_build_id(build_id, "", options);
  if (!files.main && !build_id.empty()) files.main = finder.module_file(path, build_id);
  if (files.main && files.main->has_debug_information()) return files;
  files.debug = find_by_build_id(build_id, ".debug", options);
  if (!files.debug && files.main) files.debug = finder.debug_file(*files.main);
  if (!files.main && !files.debug) throw Error(reason);
  return files;
}

std::unique_ptr<ElfFile> find_shared_debug_file(const ElfFile& debug, const std::string& name,
                                                const std::string& build_id,
                                                const SymbolizeOptions& options) {
  if (auto file = find_by_build_id(build_id, ".debug", options)) return file;
  const std::filesystem::path folder = std::filesystem::path(debug.path()).parent_path();
  // An absolute name stays what it is.
  if (auto file = open_if_build((folder / name).string(), build_id)) return file;
  const std::string_view system = kSystemDebugFolder;
  if (!name.starts_with(system)) return open_if_build(options.sysroot + name, build_id);
  for (const std::string& below : debug_folders(options)) {
    if (auto file = open_if_build(below + name.substr(system.size()), build_id)) return file;
  }
  return nullptr;
}

}  // namespace memtrace
