#include "runtime/stacks/module_table.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <span>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

// The program's own path; "" where /proc does not say.
void read_program_path(char (&path)[PATH_MAX]) {
  const long size = system_call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, PATH_MAX - 1);
  path[is_error(size) ? 0 : size] = '\0';
}

// What a relative path that the program gave to dlopen() means; left as it is where that is not
// known, or does not fit.
void make_absolute(const char* relative, char (&path)[PATH_MAX]) {
  const std::size_t relative_size = std::strlen(relative) + 1;
  const long folder_size = system_call(SYS_getcwd, path, PATH_MAX);
  const bool fits =
      !is_error(folder_size) && static_cast<std::size_t>(folder_size) + relative_size <= PATH_MAX;
  const std::size_t folder = fits ? static_cast<std::size_t>(folder_size) : 0;
  if (fits) path[folder - 1] = '/';
  if (relative_size <= PATH_MAX) std::memcpy(path + folder, relative, relative_size);
}

std::size_t aligned_to_word(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

bool read_build_id_from(std::span<const std::uint8_t> notes, ModuleRecord& record) {
  constexpr std::size_t kHeader = sizeof(ElfW(Nhdr));
  while (notes.size() >= kHeader) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes.data(), kHeader);
    const std::size_t name_size = aligned_to_word(note.n_namesz);
    const std::size_t content_size = aligned_to_word(note.n_descsz);
    if (name_size + content_size > notes.size() - kHeader) return false;
    const std::uint8_t* const name = notes.data() + kHeader;
    const bool is_gnu = note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0;
    if (is_gnu && note.n_type == NT_GNU_BUILD_ID && note.n_descsz <= record.build_id.size()) {
      std::memcpy(record.build_id.data(), name + name_size, note.n_descsz);
      record.build_id_size = static_cast<std::uint8_t>(note.n_descsz);
      return true;
    }
    notes = notes.subspan(kHeader + name_size + content_size);
  }
  return false;
}

}  // namespace

void read_module_path(const LoadedModule& module, char (&path)[PATH_MAX]) {
  const char* const name = module.map->l_name;
  path[0] = '\0';
  if (name == nullptr || name[0] == '\0') return read_program_path(path);
  const std::size_t size = std::strlen(name) + 1;
  if (name[0] != '/' && std::strchr(name, '/') != nullptr) return make_absolute(name, path);
  if (size <= sizeof path) std::memcpy(path, name, size);
}

void read_build_id(const LoadedModule& module, ModuleRecord& record) {
  for (const ElfW(Phdr) & segment : program_headers(module)) {
    if (segment.p_type != PT_NOTE || segment.p_filesz == 0) continue;
    const std::uintptr_t begin = module.map->l_addr + segment.p_vaddr;
    if (!is_readable(reinterpret_cast<const void*>(begin)) ||
        !is_readable(reinterpret_cast<const void*>(begin + segment.p_filesz - 1))) {
      continue;
    }
    const auto* const notes = reinterpret_cast<const std::uint8_t*>(begin);
    if (read_build_id_from({notes, segment.p_filesz}, record)) return;
  }
}

namespace {

std::uint64_t hash_text(const char* text) {
  std::uint64_t hash = 0;
  for (; *text != '\0'; ++text) hash = scatter(hash, static_cast<std::uint8_t>(*text));
  return hash;
}

std::uint64_t hash_of(const ModuleRecord& module) {
  std::uint64_t hash = hash_text(module.path);
  for (std::size_t byte = 0; byte < module.build_id_size; ++byte) {
    hash = scatter(hash, module.build_id[byte]);
  }
  return hash;
}

bool is_same(const ModuleRecord& a, const ModuleRecord& b) {
  return std::strcmp(a.path, b.path) == 0 && a.build_id_size == b.build_id_size &&
         a.build_id == b.build_id;
}

}  // namespace

CodeLocation ModuleTable::locate(std::uintptr_t pc, bool exact, std::uint32_t generation) {
  using Kind = CodeLocation::Kind;
  const Kind kind = exact ? Kind::exact_address : Kind::return_address;
  LoadedModule found;
  // The byte before a return address is in the calling function for certain.
  if (!find_module(exact ? pc : pc - 1, found)) return {pc, kNoModule, kind};
  const std::uint32_t module = module_of(found, generation);
  if (module == kNoModule) return {pc, kNoModule, kind};
  return {pc + found.shift - found.map->l_addr, module, kind};
}

std::uint32_t ModuleTable::module_of(const LoadedModule& found, std::uint32_t generation) {
  Loaded& loaded = loaded_[scatter(found.begin) % loaded_.size()];
  if (loaded.begin == found.begin && loaded.generation == generation) return loaded.module;
  const std::uint32_t module = add(found);
  if (module == kNoModule) return module;
  biases_[module] = found.map->l_addr;
  loaded = {found.begin, generation, module};
  return module;
}

std::uint32_t ModuleTable::add(const LoadedModule& found) {
  ModuleRecord module;
  read_module_path(found, path_);
  read_build_id(found, module);
  module.path = path_;
  const std::uint64_t hash = hash_of(module);
  const std::uint32_t known = modules_by_content_.find(
      hash, [&](std::uint32_t id) { return is_same(modules_[id], module); });
  if (known != IdIndex::kNotFound) return known;
  module.path = copy_path(path_);
  const std::uint32_t id = modules_.size();
  if (module.path == nullptr || (biases_.size() == id && !biases_.push_back(0))) return kNoModule;
  if (!modules_.push_back(module)) return kNoModule;
  modules_by_content_.add(hash, id);
  return id;
}

std::uintptr_t ModuleTable::address_of(const CodeLocation& location) const {
  if (location.kind == CodeLocation::Kind::source) return 0;
  if (location.module == kNoModule) return location.offset;
  return location.offset + biases_[location.module];
}

const char* ModuleTable::copy_path(const char* path) {
  constexpr std::size_t kTextAtOnce = std::size_t{1} << 16;
  static_assert(kTextAtOnce >= PATH_MAX);
  const std::size_t size = std::strlen(path) + 1;
  if (size > text_room_) {
    text_ = static_cast<char*>(map_memory(kTextAtOnce));
    text_room_ = text_ == nullptr ? 0 : kTextAtOnce;
    if (text_ == nullptr) return nullptr;
  }
  char* const copy = text_;
  std::memcpy(copy, path, size);
  text_ += size;
  text_room_ -= size;
  return copy;
}

}  // namespace memtrace::runtime
