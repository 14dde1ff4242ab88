#include "runtime/os/report.hpp"

#include <fcntl.h>
#include <linux/limits.h>

#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/os/text_buffer.hpp"

namespace memtrace::runtime {
namespace {

constinit TextBuffer<64> target;

}  // namespace

void report_to(std::string_view descriptor_path) {
  target.clear();
  target << descriptor_path;
}

void report(ReportKind kind, std::string_view path, int error) {
  if (target.text().empty()) return;
  const long file =
      system_call(SYS_openat, AT_FDCWD, target.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (is_error(file)) return;
  TextBuffer<PATH_MAX + 64> line;
  line << static_cast<char>(kind) << ' ' << static_cast<std::uint64_t>(process_id()) << ' '
       << static_cast<std::uint64_t>(error) << ' ' << path << '\n';
  if (line.is_whole()) system_call(SYS_write, file, line.c_str(), line.text().size());
  system_call(SYS_close, file);
}

}  // namespace memtrace::runtime
