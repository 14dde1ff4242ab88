#include "runtime/os/messages.hpp"

#include <fcntl.h>
#include <linux/limits.h>

#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

constinit TextBuffer<64> target;
// The calling thread's own descriptor of it, and one more; 0: none.
constinit thread_local int kept [[gnu::tls_model("initial-exec")]] = 0;

long open_target() {
  return system_call(SYS_openat, AT_FDCWD, target.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
}

}  // namespace

void send_messages_to(std::string_view descriptor_path) {
  target.clear();
  target << descriptor_path;
}

void keep_messages_open() {
  if (target.text().empty()) return;
  const long file = open_target();
  kept = is_error(file) ? 0 : static_cast<int>(file) + 1;
}

void send_message(MessageKind kind, std::string_view path, int error) {
  if (target.text().empty()) return;
  const long file = kept != 0 ? kept - 1 : open_target();
  if (is_error(file)) return;
  TextBuffer<PATH_MAX + 64> line;
  line << static_cast<char>(kind) << ' ' << static_cast<std::uint64_t>(process_id()) << ' '
       << static_cast<std::uint64_t>(error) << ' ' << path << '\n';
  if (line.is_whole()) system_call(SYS_write, file, line.c_str(), line.text().size());
  if (kept == 0) system_call(SYS_close, file);
}

void say(std::string_view what) {
  constexpr int kStandardError = 2;
  TextBuffer<512> line;
  line << "mtrace: " << what << '\n';
  system_call(SYS_write, kStandardError, line.c_str(), line.text().size());
}

}  // namespace memtrace::runtime
