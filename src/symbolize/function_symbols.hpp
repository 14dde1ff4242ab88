// The functions that an ELF file's symbols tell of.
#pragma once

#include <cstdint>
#include <vector>

#include "symbolize/elf_file.hpp"

namespace memtrace {

class FunctionSymbols {
 public:
  // Takes .symtab where there is one, else .dynsym. The names stay in the file.
  void add(const ElfFile& file);
  // Between add() and find(). Without one of them, functions end where the code does.
  void finish(const std::vector<CodeRange>& code);

  [[nodiscard]] bool empty() const { return symbols_.empty(); }
  // The function that the address is in, mangled; nullptr where there is none.
  [[nodiscard]] const char* find(std::uint64_t address) const;

 private:
  struct Symbol {
    std::uint64_t low, high;
    const char* name;
    std::uint8_t binding_rank;  // 0: global, 1: weak, 2: local
  };

  static bool is_before(const Symbol& a, const Symbol& b);

  std::vector<Symbol> symbols_;
};

}  // namespace memtrace
