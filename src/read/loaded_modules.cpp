#include "read/loaded_modules.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "read/line_reader.hpp"

namespace memtrace {

Frame LoadedModules::frame_at(std::uint64_t address, FrameKind kind) const {
  Frame frame{.offset = address, .kind = kind};
  // A call that never returns may be its function's, and its module's, last instruction.
  const std::uint64_t instruction =
      kind == FrameKind::return_address && address != 0 ? address - 1 : address;
  auto found = ranges_.upper_bound(instruction);
  if (found == ranges_.begin()) return frame;
  --found;
  const Range& range = found->second;
  if (instruction >= range.end || address < range.bias) return frame;
  frame.module = range.module;
  frame.offset = address - range.bias;
  return frame;
}

// "7f0000001000-7f0000002000 r-xp 00001000 fe:00 4711   /lib/x.so", or, from other tools than the
// system, "7f0000001000-7f0000002000: /lib/x.so".
void MemoryMap::add_line(std::string_view line, TracebackBuilder& builder) {
  LinePieces pieces(line);
  std::uint64_t start = 0, end = 0, file_offset = 0;
  if (!pieces.hexadecimal(start) || !pieces.take("-") || !pieces.hexadecimal(end)) return;
  if (pieces.take(":")) {
    pieces.skip_spaces();
    add_mapping(pieces.rest(), start, end, 0, true, builder);
    return;
  }
  const std::string_view permissions = pieces.word();
  if (permissions.size() < 3 || !pieces.hexadecimal(file_offset)) return;
  pieces.word();  // the device
  pieces.word();  // its inode
  pieces.skip_spaces();
  add_mapping(pieces.rest(), start, end, file_offset, permissions[2] == 'x', builder);
}

void MemoryMap::add_mapping(std::string_view name, std::uint64_t start, std::uint64_t end,
                            std::uint64_t file_offset, bool is_code, TracebackBuilder& builder) {
  // What lies lower was loaded where its file says.
  constexpr std::uint64_t kLowest = std::uint64_t{1} << 32;
  if (name.empty() || start >= end) return;
  if (first_file_.empty() && name.front() == '/') first_file_ = as_utf8(name);
  const ModuleId module = builder.module({.name = builder.string(as_utf8(name)), .build_id = {}});
  if (file_offset == 0) first_bytes_.insert_or_assign(module, start);
  if (!is_code) return;
  const auto first = first_bytes_.find(module);
  const bool is_known = first != first_bytes_.end() && first->second <= start;
  std::uint64_t bias = is_known ? first->second : start - std::min(start, file_offset);
  if (start < kLowest) bias = 0;
  modules_.add(start, end, bias, module);
}

}  // namespace memtrace
