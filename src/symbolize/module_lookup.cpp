#include "symbolize/module_lookup.hpp"

#include <elfutils/libdwelf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "mtrace/error.hpp"
#include "symbolize/unit_resolver.hpp"

namespace memtrace {
namespace {

// A view of the debug information remembers every unit that it was asked about (libdw keeps them
// until the end), so it serves a limited number of them.
constexpr std::size_t kUnitsInPart = 16;
constexpr const char* kDamaged = "its debug information is damaged";

}  // namespace

void ModuleLookup::warn(const std::string& message) {
  const std::scoped_lock lock(warning_mutex_);
  if (request_.warning.empty()) request_.warning = request_.path + ": " + message;
}

std::vector<ModuleLookup::Part> ModuleLookup::open() {
  try {
    files_ = find_module_files(request_.path, request_.build_id, options_, servers_);
    if (!files_.problem.empty()) warn(files_.problem);
    if (files_.debug_information().has_debug_information()) index_units();
  } catch (const Error& error) {
    warn(error.what());
  }
  std::vector<Part> parts;
  for (std::size_t first = 0; first < units_.size(); first += kUnitsInPart) {
    parts.push_back({first, std::min(first + kUnitsInPart, units_.size())});
  }
  return parts;
}

void ModuleLookup::index_units() {
  ElfFile& file = files_.debug_information();
  if (!file.hide_unused_debug_information()) warn(kDamaged);
  find_shared();
  info_ = std::make_unique<DebugInfo>(file, shared_.get());
  const DwarfView view = info_->view();
  code_ = files_.main ? files_.main->code() : file.code();
  ModuleUnits found = addresses_by_unit(*view.dwarf, request_.addresses, code_);
  units_ = std::move(found.units);
  if (found.is_damaged) warn(kDamaged);
  if (found.has_split) find_package();
}

// A package stands beside the file whose debug information it completes, and has its whole name.
void ModuleLookup::find_package() {
  for (const ElfFile* const file : {files_.main.get(), files_.debug.get()}) {
    const std::string path = file == nullptr ? "" : file->path() + ".dwp";
    if (package_ || file == nullptr || access(path.c_str(), F_OK) != 0) continue;
    try {
      package_ = std::make_unique<DwarfPackage>(path);
    } catch (const Error& error) {
      warn(fmt::format("{} cannot be read: {}", path, error.what()));
    }
  }
}

void ModuleLookup::find_shared() {
  const ElfFile& file = files_.debug_information();
  if (file.section(".gnu_debugaltlink") == nullptr) return;
  const DwarfView view = DebugInfo(file, nullptr).view();
  const char* name = nullptr;
  const void* id = nullptr;
  const ssize_t size = dwelf_dwarf_gnu_debugaltlink(view.dwarf.get(), &name, &id);
  if (size <= 0) return;
  const std::string build_id(static_cast<const char*>(id), static_cast<std::size_t>(size));
  std::string problem;
  shared_ = find_shared_debug_file(file, name, build_id, options_, servers_, problem);
  if (!problem.empty()) warn(problem);
  if (shared_ && !shared_->hide_unused_debug_information()) warn(kDamaged);
  if (!shared_) warn(fmt::format("its debug information needs {}, which is not there", name));
}

void ModuleLookup::resolve(Part part) {
  resolve_units(std::span(units_).subspan(part.first, part.last - part.first), Search::quick);
}

void ModuleLookup::resolve_units(std::span<const UnitAddresses> units, Search search) {
  try {
    DwarfView view = info_->view();
    FunctionNames names(names_);
    for (const UnitAddresses& unit : units) resolve_one(view, unit, search, names);
  } catch (const Error& error) {
    warn(error.what());
  }
}

void ModuleLookup::resolve_one(DwarfView& view, const UnitAddresses& unit, Search search,
                               FunctionNames& names) {
  std::vector<std::uint64_t> addresses;
  addresses.reserve(unit.addresses.size());
  for (const std::uint32_t i : unit.addresses) addresses.push_back(request_.addresses[i]);
  std::vector<FrameChain> chains(addresses.size());
  const UnitSource source = {*info_, view, package_.get(), code_, search};
  const UnitProblem problem = resolve_unit(source, unit.unit, addresses, chains, names, names_);
  for (std::size_t i = 0; i < chains.size(); ++i) {
    if (!chains[i].empty()) request_.chains[unit.addresses[i]] = std::move(chains[i]);
  }
  if (problem.is_damaged) warn(kDamaged);
  if (!problem.missing.empty()) {
    warn(fmt::format("a part of its debug information is not there: {}", problem.missing));
  }
}

bool ModuleLookup::lacks_name(std::size_t i) const {
  const FrameChain& chain = request_.chains[i];
  return chain.empty() || chain.back().function == kNone<StringId>;
}

// What is in a function by its symbol, but in none by its unit.
void ModuleLookup::search_again(const SymbolTable& symbols) {
  std::vector<UnitAddresses> again;
  for (const UnitAddresses& unit : units_) {
    UnitAddresses left{.unit = unit.unit, .addresses = {}};
    std::copy_if(unit.addresses.begin(), unit.addresses.end(), std::back_inserter(left.addresses),
                 [&](std::uint32_t i) {
                   return lacks_name(i) &&
                          (symbols.empty() || symbols.find(request_.addresses[i]) != nullptr);
                 });
    if (!left.addresses.empty()) again.push_back(std::move(left));
  }
  if (!again.empty()) resolve_units(again, Search::thorough);
}

void ModuleLookup::finish() {
  if (!files_.main && !files_.debug) return;
  std::size_t i = 0;
  while (i < request_.chains.size() && !lacks_name(i)) ++i;
  if (i == request_.chains.size()) return;
  SymbolTable symbols;
  // A separate file has the whole table; what it was taken from may have only what it exports.
  const bool separate = files_.debug && files_.debug->section(".symtab") != nullptr;
  symbols.add(separate || !files_.main ? *files_.debug : *files_.main);
  symbols.finish((files_.main ? *files_.main : *files_.debug).code());
  search_again(symbols);
  for (; i < request_.chains.size(); ++i) {
    if (!lacks_name(i)) continue;
    const char* const symbol = symbols.find(request_.addresses[i]);
    if (symbol == nullptr) continue;
    FrameChain& chain = request_.chains[i];
    if (chain.empty()) chain.emplace_back();
    chain.back().function = names_.function(symbol);
  }
}

std::uint64_t ModuleLookup::addresses_in(Part part) const {
  std::uint64_t count = 0;
  for (std::size_t i = part.first; i < part.last; ++i) count += units_[i].addresses.size();
  return count;
}

}  // namespace memtrace
