// Who defines a function: read out of the dynamic symbol tables as they lie in memory.
//
// The dynamic loader is not asked. dlsym() waits for its lock and may allocate; and a program that
// is not position independent, and takes a function's address, has an entry for it in its own PLT,
// which dlsym() gives as if it were a definition.
#pragma once

#include <link.h>

#include <cstdint>
#include <string_view>

namespace memtrace::runtime {

struct Definition {
  void* address = nullptr;  // nullptr: there is none
  const link_map* object = nullptr;
};

// A function's name and the version that is asked for. Without one, an object's default version.
struct SymbolName {
  const char* name = nullptr;
  std::string_view version;
};

// One object's dynamic symbols.
class DynamicSymbols {
 public:
  explicit DynamicSymbols(const link_map& object);

  // A real definition, as the loader would choose it for a reference: what has no version, or the
  // right one.
  [[nodiscard]] Definition find(const SymbolName& wanted) const;
  // The default version of what it defines; empty: it defines none, or has no versions.
  [[nodiscard]] std::string_view default_version(const char* name) const;
  // What DT_SONAME says.
  [[nodiscard]] std::string_view soname() const;
  [[nodiscard]] bool needs(std::string_view soname) const;

 private:
  template <class Visit>
  const Elf64_Sym* search(const char* name, const Visit& accepts) const;
  [[nodiscard]] bool is_named(const Elf64_Sym& symbol, const char* name) const;
  [[nodiscard]] bool matches(const Elf64_Sym& symbol, std::string_view version) const;
  [[nodiscard]] unsigned version_index(const Elf64_Sym& symbol) const;
  [[nodiscard]] std::string_view version_text(unsigned index) const;

  const link_map& object_;
  const Elf64_Sym* symbols_ = nullptr;
  const char* strings_ = nullptr;
  const std::uint32_t* gnu_hash_ = nullptr;
  const std::uint32_t* hash_ = nullptr;
  const Elf64_Half* versions_ = nullptr;
  const Elf64_Verdef* version_definitions_ = nullptr;
};

// The objects of the namespace that this library was loaded into, in the order in which they are
// asked: of those that were there at the start, the program's first. Calls visit(object) until that
// says true. The list must not change meanwhile: in a constructor, or where nobody loads or
// unloads.
const link_map* own_object();
const link_map* first_object();
template <class Visit>
const link_map* find_object(const Visit& visit) {
  const link_map* object = first_object();
  while (object != nullptr && !visit(*object)) object = object->l_next;
  return object;
}

// What a call from anywhere reaches.
Definition find_first_definition(const SymbolName& wanted);
// What it would reach if this library were not there: the next one behind it; where there is none,
// because it was loaded late, the first one before it.
Definition find_next_definition(const SymbolName& wanted);

}  // namespace memtrace::runtime
