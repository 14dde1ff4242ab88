// Files that people take for snapshots.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "read/input_format.hpp"

namespace memtrace {
namespace {

using namespace std::string_view_literals;

struct ForeignFile {
  std::string_view start;
  std::string_view what;
};

constexpr std::string_view kCoreDump =
    "a core dump, which does not say what was allocated where: mtrace run traces the program";
constexpr std::string_view kProgram = "a program or a library: mtrace run traces a program";
constexpr std::string_view kText =
    "text: what can be read is mtrace's own .zst and what tracemalloc, heaptrack, jemalloc, "
    "gperftools, pprof, DHAT, massif and memray's transform csv write";
constexpr std::string_view kJson = "JSON: the commands read the snapshot that it was made from";

constexpr auto kForeign = std::to_array<ForeignFile>({
    {"#!"sv, "a script: mtrace run traces it, and python3 -m mtrace run a Python program"sv},
    {"memray"sv, "memray's data: memray transform csv makes what can be read of it"sv},
    {"PERFILE2"sv, "perf's data: perf report reads it, and mtrace run traces the program anew"sv},
    {"= Start"sv, "a log of the C library's mtrace(3): the script of that name reads it"sv},
    {"\xFD"
     "7zXZ"sv,
     "packed with xz: unpack it first"sv},
    {"BZh"sv, "packed with bzip2: unpack it first"sv},
    {"\x04\x22\x4D\x18"sv, "packed with lz4: unpack it first"sv},
    {"PK\x03\x04"sv, "a zip archive: unpack it first"sv},
});

// The 17th byte of an ELF file is its type's lower one, as x86-64 writes it.
bool is_core_dump(std::string_view start) {
  constexpr std::size_t kType = 16;
  constexpr char kCore = 4;
  return start.size() > kType && start[kType] == kCore;
}

bool is_text(std::string_view start) {
  return std::all_of(start.begin(), start.end(), [](const unsigned char c) {
    return c >= 0x80 || std::isprint(c) != 0 || std::isspace(c) != 0;
  });
}

std::string_view what_it_is(std::string_view start) {
  if (start.starts_with("\x7f"
                        "ELF")) {
    return is_core_dump(start) ? kCoreDump : kProgram;
  }
  for (const ForeignFile& foreign : kForeign) {
    if (start.starts_with(foreign.start)) return foreign.what;
  }
  const std::size_t first = start.find_first_not_of(" \t\r\n");
  const bool is_json =
      first != std::string_view::npos && (start[first] == '{' || start[first] == '[');
  if (is_text(start)) return is_json ? kJson : kText;
  return {};
}

}  // namespace

std::string why_not_a_snapshot(std::string_view start) {
  const std::string_view what = what_it_is(start);
  if (!what.empty()) return fmt::format("not a snapshot but {}", what);
  return "not a snapshot: it is neither mtrace's own .zst, nor what tracemalloc's Snapshot.dump() "
         "writes, nor any other profiler's file that can be read";
}

}  // namespace memtrace
