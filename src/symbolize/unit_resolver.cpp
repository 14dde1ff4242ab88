#include "symbolize/unit_resolver.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mtrace/error.hpp"
#include "symbolize/elf_file.hpp"
#include "symbolize/line_program.hpp"
#include "symbolize/unit_files.hpp"
#include "symbolize/unit_scopes.hpp"

namespace memtrace {

DwarfView DebugInfo::view() {
  const std::scoped_lock lock(mutex_);
  DwarfView view;
  view.dwarf = begin_dwarf(file_.elf());
  if (!std::exchange(is_unpacked_, true)) {
    line_sections_ = {.lines = file_.content(".debug_line"),
                      .line_strings = file_.content(".debug_line_str"),
                      .strings = file_.content(".debug_str")};
    code_sections_ = {.addresses = file_.content(".debug_addr"),
                      .ranges = file_.content(".debug_ranges"),
                      .range_lists = file_.content(".debug_rnglists")};
  }
  if (shared_ != nullptr) {
    view.shared = begin_dwarf(shared_->elf());
    dwarf_setalt(view.dwarf.get(), view.shared.get());
  }
  return view;
}

namespace {

// --- split DWARF: a unit's DIEs in another file than its lines and addresses ---

// What there is of a unit below its own DIE.
struct SplitHalf {
  Dwarf_Die die{};        // has all the others below it; the unit itself where it is not split
  bool is_there = false;  // in another file
  bool is_damaged = false;
  std::string missing;  // the name of the other file, where that cannot be found
  // Where it is there:
  Bytes range_lists;
  LineHeader files;  // what calls refer to, where has_files; otherwise the unit's own
  bool has_files = false;
};

// The whole line table of a split half is the names of files.
void read_files(Bytes lines, Bytes strings, SplitHalf& half) {
  if (lines.empty()) return;
  try {
    half.files = read_line_header({.lines = lines, .line_strings = {}, .strings = strings}, 0);
    half.has_files = true;
  } catch (const Error&) {
    half.is_damaged = true;
  }
}

// False where the package does not have it.
bool take_from_package(const DwarfPackage& package, std::uint64_t unit, DwarfView& view,
                       SplitHalf& half) {
  try {
    const std::optional<SplitSections> sections = package.find(unit);
    if (!sections) return false;
    auto own = std::make_unique<PackageUnit>(*sections);
    const std::optional<Dwarf_Die> die = own->die();
    if (!die) throw Error("its debug information is damaged");
    half.die = *die;
    half.is_there = true;
    half.range_lists = sections->range_lists;
    read_files(sections->lines, sections->strings, half);
    view.package_units.push_back(std::move(own));
    return true;
  } catch (const Error&) {
    half.is_damaged = true;
    return false;
  }
}

void take_from_file(const Dwarf_Die& split, SplitHalf& half) {
  Elf* const file = dwarf_getelf(dwarf_cu_getdwarf(split.cu));
  half.die = split;
  half.is_there = true;
  half.range_lists = section_content(file, ".debug_rnglists.dwo");
  read_files(section_content(file, ".debug_line.dwo"), section_content(file, ".debug_str.dwo"),
             half);
}

// nullptr where the DIE has no such attribute.
const char* attribute_text(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr(&die, name, &attribute));
}

// Looks into the package, if there is one, then for the file that the unit names.
SplitHalf split_half(Dwarf_Die unit, const DwarfPackage* package, DwarfView& view) {
  SplitHalf half;
  half.die = unit;
  Dwarf_Die split;
  std::uint8_t type = 0;
  std::uint64_t number = 0;
  if (dwarf_cu_info(unit.cu, nullptr, &type, nullptr, nullptr, &number, nullptr, nullptr) != 0 ||
      type != DW_UT_skeleton) {
    return half;
  }
  if (package != nullptr && take_from_package(*package, number, view, half)) return half;
  if (dwarf_cu_info(unit.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
      split.addr != nullptr) {
    take_from_file(split, half);
    return half;
  }
  const char* name = attribute_text(unit, DW_AT_dwo_name);
  if (name == nullptr) name = attribute_text(unit, DW_AT_GNU_dwo_name);
  half.missing = name == nullptr ? "?" : name;
  return half;
}

// --- lines and calls ---

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
