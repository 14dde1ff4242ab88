#include "symbolize/debug_info.hpp"

#include <fmt/format.h>

#include <utility>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

DwarfPointer begin(const ElfFile& file) {
  DwarfPointer dwarf(dwarf_begin_elf(file.elf(), DWARF_C_READ, nullptr));
  if (!dwarf) {
    throw Error(fmt::format("its debug information cannot be read ({})", dwarf_errmsg(-1)));
  }
  return dwarf;
}

}  // namespace

DwarfView DebugInfo::view() {
  const std::scoped_lock lock(mutex_);
  DwarfView view;
  view.dwarf = begin(file_);
  if (!std::exchange(is_unpacked_, true)) {
    line_sections_ = {.lines = file_.content(".debug_line"),
                      .line_strings = file_.content(".debug_line_str"),
                      .strings = file_.content(".debug_str")};
  }
  if (shared_ != nullptr) {
    view.shared = begin(*shared_);
    dwarf_setalt(view.dwarf.get(), view.shared.get());
  }
  return view;
}

}  // namespace memtrace
