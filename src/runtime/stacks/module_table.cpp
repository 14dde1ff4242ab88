#include "runtime/stacks/module_table.hpp"

#include <link.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/stacks/module_identity.hpp"

namespace memtrace::runtime {
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
