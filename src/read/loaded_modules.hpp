// Where modules were in the memory of a process that others wrote about: its addresses become
// offsets into files.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "mtrace/snapshot_builder.hpp"

namespace memtrace {

class LoadedModules {
 public:
  // Bytes from `start` to before `end`; `bias` is what the module's addresses are more than those
  // in its file. Hides what began at the same place.
  void add(std::uint64_t start, std::uint64_t end, std::uint64_t bias, ModuleId module) {
    ranges_.insert_or_assign(start, Range{end, bias, module});
  }
  void clear() { ranges_.clear(); }

  // A frame of the kind at that address: in its module, where there is one.
  [[nodiscard]] Frame frame_at(std::uint64_t address, FrameKind kind) const;

 private:
  struct Range {
    std::uint64_t end = 0, bias = 0;
    ModuleId module = kNone<ModuleId>;
  };

  std::map<std::uint64_t, Range> ranges_;  // by their starts
};

// Takes the lines of /proc/PID/maps, as heap profiles end with them.
class MemoryMap {
 public:
  // Other lines than those of a map are passed over, as the tools do that read them.
  void add_line(std::string_view line, TracebackBuilder& builder);

  [[nodiscard]] const LoadedModules& modules() const { return modules_; }
  // The program, as the system lays memory out; empty without a file.
  [[nodiscard]] const std::string& first_file() const { return first_file_; }

 private:
  void add_mapping(std::string_view name, std::uint64_t start, std::uint64_t end,
                   std::uint64_t file_offset, bool is_code, TracebackBuilder& builder);

  LoadedModules modules_;
  std::string first_file_;
  std::map<ModuleId, std::uint64_t> first_bytes_;  // where each module's first byte is
};

}  // namespace memtrace
