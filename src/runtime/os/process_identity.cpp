#include "runtime/os/process_identity.hpp"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/auxv.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

// Longer command lines are cut: the kernel allows megabytes.
constexpr std::size_t kMaxArguments = std::size_t{32} << 10;

struct IdentityText {
  char program[(2 * PATH_MAX) * kTextGrowth];
  char arguments[kMaxArguments * kTextGrowth];
  char host[sizeof(utsname::nodename) * kTextGrowth];
};

ProcessIdentity identity;

enum class Known : std::uint8_t { no, soon, yes };
std::atomic<Known> known{Known::no};

// What fexecve() executed has no name; the kernel knows which file it was.
std::string_view executed_file(std::span<char> buffer) {
  const long size =
      system_call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", buffer.data(), buffer.size());
  return is_error(size) ? std::string_view()
                        : std::string_view(buffer.data(), static_cast<std::size_t>(size));
}

std::string_view executed_path(std::span<char> buffer) {
  const auto* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  if (name == nullptr) return {};
  if (std::string_view(name).starts_with("/dev/fd/")) return executed_file(buffer);
  if (name[0] == '.' && name[1] == '/') name += 2;
  const std::size_t length = std::strlen(name);
  if (length >= PATH_MAX) return {};
  std::size_t size = 0;
  if (name[0] != '/') {
    const long got = system_call(SYS_getcwd, buffer.data(), PATH_MAX);  // counts the NUL
    if (got > 1 && buffer[0] == '/') {
      size = static_cast<std::size_t>(got) - 1;
      if (buffer[size - 1] != '/') buffer[size++] = '/';
    }
  }
  std::memcpy(buffer.data() + size, name, length);
  return {buffer.data(), size + length};
}

// The kernel has put the arguments' texts one after the other, and the environment's behind them.
// Looking there costs the kernel nothing, unlike a look into /proc, which a short process pays for
// when it ends. Empty where somebody has changed one of the two already.
std::string_view arguments_in_memory() {
  const char* const begin = program_invocation_name;
  const char* const end = environ == nullptr ? nullptr : environ[0];
  if (begin == nullptr || end == nullptr || end <= begin) return {};
  const auto size = static_cast<std::size_t>(end - begin);
  if (size > kMaxArguments || end[-1] != '\0') return {};
  return {begin, size};
}

// Whole arguments only.
std::string_view command_line(std::span<char> buffer) {
  const std::string_view in_memory = arguments_in_memory();
  if (!in_memory.empty()) return in_memory;
  const long file = system_call(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (is_error(file)) return {};
  std::size_t size = 0;
  while (size < buffer.size()) {
    const long got = system_call(SYS_read, file, buffer.data() + size, buffer.size() - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  system_call(SYS_close, file);
  while (size > 0 && buffer[size - 1] != '\0') --size;
  return {buffer.data(), size};
}

std::string_view host_name(utsname& system) {
  if (is_error(system_call(SYS_uname, &system))) return {};
  return system.nodename;
}

}  // namespace

namespace {

void find_identity() {
  auto* const text = static_cast<IdentityText*>(map_memory(sizeof(IdentityText)));
  MappedArray<char> buffer;
  if (text == nullptr || !buffer.allocate(kMaxArguments)) return;
  utsname system{};
  const auto copy = [](std::string_view bytes, char* to) {
    return std::string_view(to, copy_as_text(bytes, to));
  };
  identity.program = copy(executed_path(buffer.items()), text->program);
  identity.arguments = copy(command_line(buffer.items()), text->arguments);
  identity.host = copy(host_name(system), text->host);
}

}  // namespace

const ProcessIdentity& process_identity() {
  Known now = Known::no;
  if (known.compare_exchange_strong(now, Known::soon, std::memory_order_acquire)) {
    find_identity();
    known.store(Known::yes, std::memory_order_release);
  }
  // Another thread finds it out. It is never waited for in vain: a signal handler does not ask
  // first.
  while (known.load(std::memory_order_acquire) != Known::yes) __builtin_ia32_pause();
  return identity;
}

std::string_view program_name() {
  const std::string_view path = process_identity().program;
  const char* begin = path.data();
  for (const char& character : path) {
    if (character == '/') begin = &character + 1;
  }
  return {begin, static_cast<std::size_t>(path.data() + path.size() - begin)};
}

int process_id() {
  return static_cast<int>(system_call(SYS_getpid));
}
int thread_id() {
  return static_cast<int>(system_call(SYS_gettid));
}

namespace {

constexpr bool is_continuation(char byte) {
  return (byte & 0xC0) == 0x80;
}

// The bytes of the code point that `text` begins with; 0 where that is none.
std::size_t code_point_size(const char* text, std::size_t size) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xC2   ? 0U
                             : first < 0xE0 ? 2U
                             : first < 0xF0 ? 3U
                             : first < 0xF5 ? 4U
                                            : 0U;
  if (length == 0 || length > size) return 0;
  if (!std::all_of(text + 1, text + length, is_continuation)) return 0;
  const auto second = static_cast<std::uint8_t>(text[1]);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool too_high = first == 0xF4 && second >= 0x90;
  return overlong || surrogate || too_high ? 0 : length;
}

}  // namespace

std::size_t copy_as_text(std::string_view bytes, char* text) {
  char* const begin = text;
  const char* const end = bytes.data() + bytes.size();
  for (const char* byte = bytes.data(); byte != end;) {
    const std::size_t length = code_point_size(byte, static_cast<std::size_t>(end - byte));
    if (length > 0) {
      text = std::copy_n(byte, length, text);
      byte += length;
      continue;
    }
    // U+DC80 to U+DCFF.
    const auto value = static_cast<std::uint8_t>(*byte++);
    *text++ = '\xED';
    *text++ = static_cast<char>(0xB0 | value >> 6);
    *text++ = static_cast<char>(0x80 | (value & 0x3F));
  }
  return static_cast<std::size_t>(text - begin);
}

}  // namespace memtrace::runtime
