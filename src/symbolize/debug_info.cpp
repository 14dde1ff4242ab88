#include "symbolize/debug_info.hpp"

#include <utility>

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

}  // namespace memtrace
