#include "symbolize/unit_resolver.hpp"

#include <dwarf.h>

#include <string>
#include <utility>
#include <vector>

#include "mtrace/error.hpp"
#include "symbolize/line_program.hpp"
#include "symbolize/unit_files.hpp"
#include "symbolize/unit_scopes.hpp"

namespace memtrace {
namespace {

const char* text_in(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr(&die, name, &attribute));
}

std::string folder_of(Dwarf_Die& lines_unit, Dwarf_Die& scopes_unit) {
  for (Dwarf_Die* const unit : {&lines_unit, &scopes_unit}) {
    const char* const folder = text_in(*unit, DW_AT_comp_dir);
    if (folder != nullptr && *folder != '\0') return folder;
  }
  return {};
}

// A unit's line of each address, and its files.
class UnitLines {
 public:
  UnitLines(const UnitSource& source, Dwarf_Die& unit, std::span<const std::uint64_t> addresses)
      : rows_(addresses.size()) {
    Dwarf_Attribute attribute;
    Dwarf_Word offset = 0;
    if (dwarf_attr(&unit, DW_AT_stmt_list, &attribute) == nullptr) return;
    try {
      if (dwarf_formudata(&attribute, &offset) != 0) throw Error("its place is damaged");
      header_ = read_line_header(source.lines, offset);
      rows_ = run_line_program(header_, addresses, source.code, is_damaged_);
    } catch (const Error&) {
      is_damaged_ = true;
    }
  }

  [[nodiscard]] const LineHeader& header() const { return header_; }
  [[nodiscard]] const LineRow& operator[](std::size_t i) const { return rows_[i]; }
  [[nodiscard]] bool is_damaged() const { return is_damaged_; }

 private:
  LineHeader header_;
  std::vector<LineRow> rows_;
  bool is_damaged_ = false;
};

// The frames of inlined calls; what all addresses in a scope have in common is worked out once.
class Chains {
 public:
  Chains(const UnitScopes& scopes, UnitFiles& call_files, FunctionNames& functions)
      : scopes_(scopes), call_files_(call_files), functions_(functions), parts_(scopes.size()) {}

  FrameChain chain_of(std::uint32_t innermost, SourceFrame frame) {
    FrameChain chain;
    for (std::uint32_t at = innermost; at != kNoScope; at = scopes_[at].caller) {
      const Part& part = part_of(at);
      frame.function = part.function;
      chain.push_back(frame);
      frame = part.call;
    }
    if (chain.empty() && frame.filename != kNone<StringId>) chain.push_back(frame);
    return chain;
  }

 private:
  struct Part {
    bool is_known = false;
    StringId function = kNone<StringId>;
    SourceFrame call;  // where it was inlined: in its caller
  };

  const Part& part_of(std::uint32_t at) {
    Part& part = parts_[at];
    if (!part.is_known) {
      const Scope& scope = scopes_[at];
      part.is_known = true;
      part.function = functions_.name_of(scope, scopes_);
      if (scope.caller != kNoScope) {
        part.call.filename = call_files_[scope.call_file];
        part.call.lineno = scope.call_line;
      }
    }
    return part;
  }

  const UnitScopes& scopes_;
  UnitFiles& call_files_;
  FunctionNames& functions_;
  std::vector<Part> parts_;
};

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

UnitProblem resolve_unit(const UnitSource& source, Dwarf_Off unit,
                         std::span<const std::uint64_t> addresses, std::span<FrameChain> chains,
                         FunctionNames& functions, Names& names) {
  UnitProblem problem;
  Dwarf_Die die;
  if (dwarf_offdie(&source.dwarf, unit, &die) == nullptr)
    return {.is_damaged = true, .missing = {}};
  Dwarf_Die scopes_die = split_half(die, problem.missing);
  const UnitScopes scopes(scopes_die, addresses, source.search);
  const UnitLines lines(source, die, addresses);
  problem.is_damaged = scopes.is_damaged() || lines.is_damaged();
  const std::string folder = folder_of(die, scopes_die);
  UnitFiles files(lines.header(), folder, names);
  const bool is_split = scopes_die.addr != die.addr;
  UnitFiles call_files =
      is_split ? UnitFiles(scopes_die, folder, names) : UnitFiles(lines.header(), folder, names);
  Chains made(scopes, call_files, functions);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    SourceFrame frame;
    if (lines[i].is_known) {
      frame.filename = files[lines[i].file];
      frame.lineno = lines[i].line;
    }
    FrameChain chain = made.chain_of(scopes.innermost(i), frame);
    if (!chain.empty()) chains[i] = std::move(chain);
  }
  return problem;
}

}  // namespace memtrace
