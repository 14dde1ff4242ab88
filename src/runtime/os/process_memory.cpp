#include "runtime/os/process_memory.hpp"

#include <fcntl.h>
#include <linux/limits.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "runtime/os/messages.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::int64_t kKibibyte = 1024;
constexpr std::int64_t kPage = 4096;

using Path = TextBuffer<PATH_MAX>;

// A small file's content: one read gives all that the kernel has put together.
class SmallFile {
 public:
  explicit SmallFile(const char* path) {
    const long file = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (is_error(file)) return;
    while (size_ < bytes_.size()) {
      const long got = system_call(SYS_read, file, bytes_.data() + size_, bytes_.size() - size_);
      if (got <= 0) break;
      size_ += static_cast<std::size_t>(got);
    }
    system_call(SYS_close, file);
  }
  [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 8192> bytes_;  // NOLINT: the kernel fills it
  std::size_t size_ = 0;
};

std::string_view from(std::string_view text, std::size_t begin) {
  return {text.data() + begin, text.size() - begin};
}

std::string_view line_of(std::string_view text) {
  return {text.data(), std::min(text.find('\n'), text.size())};
}

// The number that the text begins with, behind spaces. kUnknownBytes where that is none, or none
// below 2^62: so large are limits that are none.
std::int64_t number_of(std::string_view text) {
  constexpr std::int64_t kMost = INT64_MAX / 2;
  std::size_t at = 0;
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  const std::size_t first = at;
  std::int64_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    if (number > kMost / 10) return kUnknownBytes;
    number = number * 10 + (text[at] - '0');
  }
  return at == first ? kUnknownBytes : number;
}

// Of the line "NAME:   123 kB".
std::int64_t amount_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = line_of(text);
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ':') {
      const std::int64_t number = number_of(from(line, name.size() + 1));
      return number == kUnknownBytes || number > INT64_MAX / kKibibyte ? kUnknownBytes
                                                                       : number * kKibibyte;
    }
    text = from(text, std::min(line.size() + 1, text.size()));
  }
  return kUnknownBytes;
}

// Transparent ones are in no counter of the process.
std::int64_t huge_pages_of(const char* root, std::string_view status, std::int64_t resident) {
  constexpr std::int64_t kMostToWalk = std::int64_t{512} << 20;
  const std::int64_t reserved = amount_of(status, "HugetlbPages");
  if (resident == kUnknownBytes || resident > kMostToWalk) return kUnknownBytes;
  Path path;
  path << root << "/proc/self/smaps_rollup";
  const SmallFile rollup(path.c_str());
  const std::int64_t transparent = amount_of(rollup.text(), "AnonHugePages");
  if (transparent == kUnknownBytes) return kUnknownBytes;
  std::int64_t sum = transparent + std::max<std::int64_t>(reserved, 0);
  for (const std::string_view name : {"ShmemPmdMapped", "FilePmdMapped"}) {
    sum += std::max<std::int64_t>(amount_of(rollup.text(), name), 0);
  }
  return sum;
}

// --- control groups ---

struct GroupFiles {
  std::string_view mount, use, limit;
};
constexpr GroupFiles kVersion1 = {"/sys/fs/cgroup/memory", "memory.usage_in_bytes",
                                  "memory.limit_in_bytes"};
constexpr GroupFiles kVersion2 = {"/sys/fs/cgroup", "memory.current", "memory.max"};

// The process' group in the hierarchy that has the memory controller, out of lines as
// "4:memory:/a/b" and "0::/a/b". Empty: none.
std::string_view find_group(std::string_view lines, bool& is_version_1) {
  std::string_view unified;
  while (!lines.empty()) {
    const std::string_view line = line_of(lines);
    lines = from(lines, std::min(line.size() + 1, lines.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers(line.data() + first + 1, second - first - 1);
    const std::string_view group = from(line, second + 1);
    if (controllers.empty()) unified = group;
    // Several controllers may share a hierarchy: "cpu,memory".
    for (std::size_t at = 0; at < controllers.size();) {
      const std::size_t end = std::min(controllers.find(',', at), controllers.size());
      if (std::string_view(controllers.data() + at, end - at) == "memory") {
        is_version_1 = true;
        return group;
      }
      at = end + 1;
    }
  }
  is_version_1 = false;
  return unified;
}

std::int64_t read_group(const char* root, const GroupFiles& files, std::string_view group,
                        std::string_view name) {
  Path path;
  path << root << files.mount << group << '/' << name;
  return path.is_whole() ? number_of(SmallFile(path.c_str()).text()) : kUnknownBytes;
}

// From the process' own group to the root. A container sees its own group as the root of the mount,
// whatever its path is outside.
void read_groups(const char* root, SystemMemory& memory) {
  Path path;
  path << root << "/proc/self/cgroup";
  const SmallFile groups(path.c_str());
  bool is_version_1 = false;
  std::string_view group = find_group(groups.text(), is_version_1);
  if (group.empty()) return;
  const GroupFiles& files = is_version_1 ? kVersion1 : kVersion2;
  if (group == "/") group = {};
  while (true) {
    const std::int64_t use = read_group(root, files, group, files.use);
    const std::int64_t limit = read_group(root, files, group, files.limit);
    const bool is_first = memory.cgroup_use == kUnknownBytes;
    const bool is_tighter = limit != kUnknownBytes &&
                            (memory.cgroup_limit == kUnknownBytes || limit < memory.cgroup_limit);
    if (use != kUnknownBytes && (is_first || is_tighter)) memory.cgroup_use = use;
    if (is_tighter) memory.cgroup_limit = limit;
    if (group.empty()) return;
    group = {group.data(), std::min(group.rfind('/'), group.size())};
  }
}

}  // namespace

SystemMemory read_system_memory(const char* root) {
  SystemMemory memory;
  Path path;
  path << root << "/proc/self/status";
  const SmallFile file(path.c_str());
  const std::string_view status = file.text();
  memory.resident = amount_of(status, "VmRSS");
  memory.anonymous = amount_of(status, "RssAnon");
  memory.file = amount_of(status, "RssFile");
  memory.shared = amount_of(status, "RssShmem");
  memory.resident_peak = amount_of(status, "VmHWM");
  memory.swapped = amount_of(status, "VmSwap");
  memory.huge_pages = huge_pages_of(root, status, memory.resident);
  read_groups(root, memory);
  return memory;
}

std::int64_t read_resident() {
  const SmallFile file("/proc/self/statm");
  const std::string_view text = file.text();
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return kUnknownBytes;
  const std::int64_t pages = number_of(from(text, space));
  return pages == kUnknownBytes || pages > INT64_MAX / kPage ? kUnknownBytes : pages * kPage;
}

}  // namespace memtrace::runtime
