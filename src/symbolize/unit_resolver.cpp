#include "symbolize/unit_resolver.hpp"

#include <dwarf.h>

#include <string>
#include <utility>
#include <vector>

#include "mtrace/error.hpp"
#include "symbolize/line_program.hpp"
#include "symbolize/split_half.hpp"
#include "symbolize/unit_files.hpp"
#include "symbolize/unit_scopes.hpp"

namespace memtrace {
namespace {

std::string folder_of(Dwarf_Die& lines_unit, Dwarf_Die& scopes_unit) {
  for (Dwarf_Die* const unit : {&lines_unit, &scopes_unit}) {
    const char* const folder = attribute_text(*unit, DW_AT_comp_dir);
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
      header_ = read_line_header(source.info.line_sections(), offset);
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

}  // namespace

UnitProblem resolve_unit(const UnitSource& source, Dwarf_Off unit,
                         std::span<const std::uint64_t> addresses, std::span<FrameChain> chains,
                         FunctionNames& functions, Names& names) {
  UnitProblem problem;
  Dwarf_Die die;
  if (dwarf_offdie(source.view.dwarf.get(), unit, &die) == nullptr)
    return {.is_damaged = true, .missing = {}};
  SplitHalf half = split_half(die, source.package, source.view);
  const RangeLists ranges = half.is_there
                                ? RangeLists(source.info.code_sections(), die, half.range_lists)
                                : RangeLists(source.info.code_sections(), die);
  const UnitScopes scopes(half.die, ranges, addresses, source.search);
  const UnitLines lines(source, die, addresses);
  problem.is_damaged = half.is_damaged || scopes.is_damaged() || lines.is_damaged();
  problem.missing = half.missing;
  const std::string folder = folder_of(die, half.die);
  UnitFiles files(lines.header(), folder, names);
  UnitFiles call_files(half.has_files ? half.files : lines.header(), folder, names);
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
