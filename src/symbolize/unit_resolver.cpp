#include "symbolize/unit_resolver.hpp"

#include <dwarf.h>

#include <unordered_map>

#include "symbolize/source_path.hpp"
#include "symbolize/unit_scopes.hpp"

namespace memtrace {
namespace {

std::uint32_t number_in(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (dwarf_attr(&die, name, &attribute) == nullptr || dwarf_formudata(&attribute, &value) != 0 ||
      value > UINT32_MAX) {
    return 0;
  }
  return static_cast<std::uint32_t>(value);
}

const char* text_in(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr(&die, name, &attribute));
}

// A unit's line table and its files.
class UnitLines {
 public:
  UnitLines(Dwarf_Die& lines_unit, Dwarf_Die& scopes_unit, const Intern& intern) : intern_(intern) {
    if (dwarf_getsrclines(&lines_unit, &lines_, &count_) != 0) {
      count_ = 0;
      is_damaged_ = dwarf_hasattr(&lines_unit, DW_AT_stmt_list) != 0;
    }
    if (dwarf_getsrcfiles(&scopes_unit, &files_, &file_count_) != 0) file_count_ = 0;
    for (Dwarf_Die* const unit : {&scopes_unit, &lines_unit}) {
      const char* const folder = text_in(*unit, DW_AT_comp_dir);
      if (folder != nullptr && *folder != '\0') folder_ = std::string(folder) + '/';
    }
  }

  [[nodiscard]] bool is_damaged() const { return is_damaged_; }

  // The last row at or before the address.
  void find(std::uint64_t address, SourceFrame& frame) {
    std::size_t first = 0, last = count_;
    while (first < last) {
      const std::size_t middle = first + (last - first) / 2;
      Dwarf_Addr at = 0;
      dwarf_lineaddr(dwarf_onesrcline(lines_, middle), &at);
      if (at <= address) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    if (first == 0) return;
    Dwarf_Line* const line = dwarf_onesrcline(lines_, first - 1);
    bool ends = true;
    int lineno = 0;
    if (dwarf_lineendsequence(line, &ends) != 0 || ends) return;
    frame.filename = filename_of(dwarf_linesrc(line, nullptr, nullptr));
    if (dwarf_lineno(line, &lineno) == 0 && lineno > 0) {
      frame.lineno = static_cast<std::uint32_t>(lineno);
    }
  }

  // Where the inlined function was called.
  void find_call(Dwarf_Die& inlined, SourceFrame& frame) {
    const std::uint32_t file = number_in(inlined, DW_AT_call_file);
    if (file < file_count_)
      frame.filename = filename_of(dwarf_filesrc(files_, file, nullptr, nullptr));
    frame.lineno = number_in(inlined, DW_AT_call_line);
  }

 private:
  StringId filename_of(const char* path) {
    if (path == nullptr || *path == '\0') return kNone<StringId>;
    const auto [place, is_new] = filenames_.try_emplace(path, kNone<StringId>);
    if (is_new) place->second = intern_(whole_path(path));
    return place->second;
  }

  // A relative path is relative to the folder that the compiler ran in. Where that is relative
  // itself, it may stand before the path already.
  [[nodiscard]] std::string whole_path(const char* path) const {
    std::string tidy = tidy_path(path);
    const bool is_whole = tidy.starts_with('/') || tidy.starts_with(tidy_path(folder_) + '/');
    return is_whole ? tidy : tidy_path(folder_ + path);
  }

  const Intern& intern_;
  bool is_damaged_ = false;
  std::string folder_;
  Dwarf_Lines* lines_ = nullptr;
  Dwarf_Files* files_ = nullptr;
  std::size_t count_ = 0, file_count_ = 0;
  std::unordered_map<const char*, StringId> filenames_;  // by the text's place in the table
};

FrameChain chain_of(const UnitScopes& scopes, std::uint32_t innermost, SourceFrame frame,
                    UnitLines& lines, FunctionNames& names) {
  FrameChain chain;
  for (std::uint32_t at = innermost; at != kNoScope;) {
    const Scope& scope = scopes[at];
    Dwarf_Die die = scope.die;
    frame.function = names.name_of(die);
    chain.push_back(frame);
    frame = {};
    if (scope.caller != kNoScope) lines.find_call(die, frame);
    at = scope.caller;
  }
  if (chain.empty() && frame.filename != kNone<StringId>) chain.push_back(frame);
  return chain;
}

// The unit's DIE that has all the others below it: in another file for split DWARF. The unit itself
// where that is `missing`.
Dwarf_Die split_half(Dwarf_Die& unit, std::string& missing) {
  Dwarf_Die split;
  std::uint8_t type = 0;
  if (dwarf_cu_info(unit.cu, nullptr, &type, nullptr, &split, nullptr, nullptr, nullptr) != 0 ||
      type != DW_UT_skeleton) {
    return unit;
  }
  if (split.addr != nullptr) return split;
  const char* name = text_in(unit, DW_AT_dwo_name);
  if (name == nullptr) name = text_in(unit, DW_AT_GNU_dwo_name);
  missing = name == nullptr ? "?" : name;
  return unit;
}

}  // namespace

UnitProblem resolve_unit(Dwarf& dwarf, Dwarf_Off unit, std::span<const std::uint64_t> addresses,
                         std::span<FrameChain> chains, FunctionNames& names, const Intern& intern) {
  UnitProblem problem;
  Dwarf_Die die;
  if (dwarf_offdie(&dwarf, unit, &die) == nullptr) return {.is_damaged = true, .missing = {}};
  Dwarf_Die scopes_die = split_half(die, problem.missing);
  const UnitScopes scopes(scopes_die, addresses);
  UnitLines lines(die, scopes_die, intern);
  problem.is_damaged = scopes.is_damaged() || lines.is_damaged();
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    SourceFrame frame;
    lines.find(addresses[i], frame);
    FrameChain chain = chain_of(scopes, scopes.innermost(i), frame, lines, names);
    if (!chain.empty()) chains[i] = std::move(chain);
  }
  return problem;
}

}  // namespace memtrace
