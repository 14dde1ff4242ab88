#include "symbolize/function_symbols.hpp"

#include <gelf.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace memtrace {
namespace {

std::uint8_t binding_rank_of(unsigned char binding) {
  if (binding == STB_GLOBAL) return 0;
  return binding == STB_WEAK ? 1 : 2;
}

bool is_function(const GElf_Sym& symbol) {
  const auto type = GELF_ST_TYPE(symbol.st_info);
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF;
}

// Of several names for one function, the one that programmers use: "malloc", not "__libc_malloc".
std::tuple<bool, std::size_t, std::string_view> taste(std::string_view name) {
  return {name.starts_with('_') && !name.starts_with("_Z") && !name.starts_with("_R"), name.size(),
          name};
}

}  // namespace

void FunctionSymbols::add(const ElfFile& file) {
  Elf_Scn* section = file.section(".symtab");
  if (section == nullptr) section = file.section(".dynsym");
  GElf_Shdr header;
  Elf_Data* const data = section == nullptr ? nullptr : elf_getdata(section, nullptr);
  if (data == nullptr || gelf_getshdr(section, &header) == nullptr || header.sh_entsize == 0)
    return;
  const std::size_t count = std::min<std::size_t>(data->d_size / header.sh_entsize, INT32_MAX);
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
    if (!is_function(symbol) || symbol.st_value + symbol.st_size < symbol.st_value) continue;
    const char* const name = elf_strptr(file.elf(), header.sh_link, symbol.st_name);
    if (name == nullptr || *name == '\0') continue;
    symbols_.push_back({symbol.st_value, symbol.st_value + symbol.st_size, name,
                        binding_rank_of(GELF_ST_BIND(symbol.st_info))});
  }
}

bool FunctionSymbols::is_before(const Symbol& a, const Symbol& b) {
  if (a.low != b.low) return a.low < b.low;
  if (a.binding_rank != b.binding_rank) return a.binding_rank > b.binding_rank;
  return taste(a.name) > taste(b.name);  // the best one comes last
}

void FunctionSymbols::finish(const std::vector<CodeRange>& code) {
  std::sort(symbols_.begin(), symbols_.end(), is_before);
  std::uint64_t next = 0;  // where the next function begins
  for (auto symbol = symbols_.rbegin(); symbol != symbols_.rend(); ++symbol) {
    if (symbol == symbols_.rbegin() || symbol->low != (symbol - 1)->low) {
      next = symbol == symbols_.rbegin() ? symbol->low : (symbol - 1)->low;
    }
    if (symbol->high != symbol->low) continue;
    symbol->high = next;
    for (const CodeRange& range : code) {
      if (!range.contains(symbol->low)) continue;
      symbol->high = next > symbol->low ? std::min(next, range.high) : range.high;
    }
  }
}

const char* FunctionSymbols::find(std::uint64_t address) const {
  // Functions hardly ever overlap: the nearest few are enough to look at.
  constexpr int kNearest = 16;
  auto symbol =
      std::upper_bound(symbols_.begin(), symbols_.end(), address,
                       [](std::uint64_t value, const Symbol& other) { return value < other.low; });
  for (int i = 0; i < kNearest && symbol != symbols_.begin(); ++i) {
    --symbol;
    if (address < symbol->high) return symbol->name;
  }
  return nullptr;
}

}  // namespace memtrace
