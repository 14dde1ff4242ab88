#include "runtime/os/symbol_lookup.hpp"

#include <dlfcn.h>

#include <cstring>

namespace memtrace::runtime {
namespace {

constexpr unsigned kHiddenVersion = 0x8000;
constexpr unsigned kVersionMask = 0x7FFF;

std::uint32_t gnu_hash_of(const char* name) {
  std::uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

std::uint32_t system_v_hash_of(const char* name) {
  std::uint32_t hash = 0;
  for (; *name != '\0'; ++name) {
    hash = (hash << 4) + static_cast<unsigned char>(*name);
    const std::uint32_t high = hash & 0xF0000000;
    hash = (hash ^ high >> 24) & ~high;
  }
  return hash;
}

// glibc turns the section's offsets into addresses where it may write to it.
template <class Type>
const Type* table_at(const link_map& object, const Elf64_Dyn& entry) {
  const std::uintptr_t value = entry.d_un.d_ptr;
  const std::uintptr_t address = value < object.l_addr ? value + object.l_addr : value;
  return reinterpret_cast<const Type*>(address);
}

// Somebody's calls can arrive there. An entry of a PLT has an address, but is in no section.
bool is_definition(const Elf64_Sym& symbol) {
  if (symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0) return false;
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  const unsigned binding = ELF64_ST_BIND(symbol.st_info);
  return (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
         (binding == STB_GLOBAL || binding == STB_WEAK || binding == STB_GNU_UNIQUE);
}

void* address_of(const link_map& object, const Elf64_Sym& symbol) {
  const std::uintptr_t address = object.l_addr + symbol.st_value;
  if (ELF64_ST_TYPE(symbol.st_info) != STT_GNU_IFUNC) return reinterpret_cast<void*>(address);
  return reinterpret_cast<void* (*)()>(address)();
}

}  // namespace

DynamicSymbols::DynamicSymbols(const link_map& object) : object_(object) {
  for (const Elf64_Dyn* entry = object.l_ld; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
    switch (entry->d_tag) {
      case DT_SYMTAB:
        symbols_ = table_at<Elf64_Sym>(object, *entry);
        break;
      case DT_STRTAB:
        strings_ = table_at<char>(object, *entry);
        break;
      case DT_GNU_HASH:
        gnu_hash_ = table_at<std::uint32_t>(object, *entry);
        break;
      case DT_HASH:
        hash_ = table_at<std::uint32_t>(object, *entry);
        break;
      case DT_VERSYM:
        versions_ = table_at<Elf64_Half>(object, *entry);
        break;
      case DT_VERDEF:
        version_definitions_ = table_at<Elf64_Verdef>(object, *entry);
        break;
      default:
        break;
    }
  }
}

bool DynamicSymbols::is_named(const Elf64_Sym& symbol, const char* name) const {
  return is_definition(symbol) && std::strcmp(strings_ + symbol.st_name, name) == 0;
}

// The first one of that name that is accepted.
template <class Visit>
const Elf64_Sym* DynamicSymbols::search(const char* name, const Visit& accepts) const {
  if (symbols_ == nullptr || strings_ == nullptr) return nullptr;
  if (gnu_hash_ != nullptr) {
    constexpr std::uint32_t kHeader = 4, kWordBits = 64;
    const std::uint32_t buckets = gnu_hash_[0], first = gnu_hash_[1], words = gnu_hash_[2];
    const auto* const filter = reinterpret_cast<const std::uint64_t*>(gnu_hash_ + kHeader);
    const auto* const bucket = reinterpret_cast<const std::uint32_t*>(filter + words);
    const std::uint32_t* const chain = bucket + buckets;
    const std::uint32_t hash = gnu_hash_of(name);
    const std::uint64_t word = filter[hash / kWordBits % words];
    const std::uint32_t second = hash >> gnu_hash_[3];
    if (buckets == 0 || (word >> hash % kWordBits & word >> second % kWordBits & 1) == 0) {
      return nullptr;
    }
    std::uint32_t index = bucket[hash % buckets];
    if (index < first) return nullptr;
    for (;; ++index) {
      const std::uint32_t here = chain[index - first];
      const Elf64_Sym& symbol = symbols_[index];
      if ((here | 1) == (hash | 1) && is_named(symbol, name) && accepts(symbol)) return &symbol;
      if ((here & 1) != 0) return nullptr;
    }
  }
  if (hash_ == nullptr || hash_[0] == 0) return nullptr;
  const std::uint32_t buckets = hash_[0];
  const std::uint32_t* const chain = hash_ + 2 + buckets;
  for (std::uint32_t index = hash_[2 + system_v_hash_of(name) % buckets]; index != STN_UNDEF;
       index = chain[index]) {
    const Elf64_Sym& symbol = symbols_[index];
    if (is_named(symbol, name) && accepts(symbol)) return &symbol;
  }
  return nullptr;
}

unsigned DynamicSymbols::version_index(const Elf64_Sym& symbol) const {
  return versions_ == nullptr ? VER_NDX_GLOBAL : versions_[&symbol - symbols_];
}

std::string_view DynamicSymbols::version_text(unsigned index) const {
  const Elf64_Verdef* definition = version_definitions_;
  while (definition != nullptr) {
    const auto* const begin = reinterpret_cast<const char*>(definition);
    if (definition->vd_ndx == index && (definition->vd_flags & VER_FLG_BASE) == 0) {
      const char* const text =
          strings_ + reinterpret_cast<const Elf64_Verdaux*>(begin + definition->vd_aux)->vda_name;
      return {text, std::strlen(text)};
    }
    if (definition->vd_next == 0) break;
    definition = reinterpret_cast<const Elf64_Verdef*>(begin + definition->vd_next);
  }
  return {};
}

bool DynamicSymbols::matches(const Elf64_Sym& symbol, std::string_view version) const {
  const unsigned index = version_index(symbol);
  if ((index & kVersionMask) == VER_NDX_LOCAL) return false;
  if (version.empty()) return (index & kHiddenVersion) == 0;
  const std::string_view own = version_text(index & kVersionMask);
  return own.empty() ? (index & kHiddenVersion) == 0 : own == version;
}

Definition DynamicSymbols::find(const SymbolName& wanted) const {
  const Elf64_Sym* const symbol = search(
      wanted.name, [&](const Elf64_Sym& candidate) { return matches(candidate, wanted.version); });
  if (symbol == nullptr) return {};
  return {address_of(object_, *symbol), &object_};
}

std::string_view DynamicSymbols::default_version(const char* name) const {
  const Elf64_Sym* const symbol =
      search(name, [&](const Elf64_Sym& candidate) { return matches(candidate, {}); });
  return symbol == nullptr ? std::string_view() : version_text(version_index(*symbol));
}

std::string_view DynamicSymbols::soname() const {
  for (const Elf64_Dyn* entry = object_.l_ld; entry != nullptr && entry->d_tag != DT_NULL;
       ++entry) {
    if (entry->d_tag == DT_SONAME && strings_ != nullptr) {
      const char* const text = strings_ + entry->d_un.d_val;
      return {text, std::strlen(text)};
    }
  }
  return {};
}

bool DynamicSymbols::needs(std::string_view soname) const {
  for (const Elf64_Dyn* entry = object_.l_ld; entry != nullptr && entry->d_tag != DT_NULL;
       ++entry) {
    if (entry->d_tag == DT_NEEDED && soname == strings_ + entry->d_un.d_val) return true;
  }
  return false;
}

const link_map* own_object() {
  static const char here = 0;
  dl_find_object found;
  if (_dl_find_object(const_cast<char*>(&here), &found) != 0) return nullptr;
  return found.dlfo_link_map;
}

const link_map* first_object() {
  const link_map* object = own_object();
  while (object != nullptr && object->l_prev != nullptr) object = object->l_prev;
  return object;
}

Definition find_first_definition(const SymbolName& wanted) {
  Definition found;
  find_object([&](const link_map& object) {
    found = DynamicSymbols(object).find(wanted);
    return found.address != nullptr;
  });
  return found;
}

Definition find_next_definition(const SymbolName& wanted) {
  const link_map* const own = own_object();
  Definition found;
  for (const link_map* object = own; object != nullptr && found.address == nullptr;) {
    object = object->l_next;
    if (object != nullptr) found = DynamicSymbols(*object).find(wanted);
  }
  if (found.address != nullptr) return found;
  find_object([&](const link_map& object) {
    if (&object == own) return true;
    found = DynamicSymbols(object).find(wanted);
    return found.address != nullptr;
  });
  return found;
}

}  // namespace memtrace::runtime
