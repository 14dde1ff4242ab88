#include "runtime/control/credentials.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/control/service.hpp"
#include "runtime/control/traced_process.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::size_t kMostGroups = 65536;  // the kernel's

// Of one thread.
struct Credentials {
  std::array<uid_t, 3> users{};  // real, effective, saved
  std::array<gid_t, 3> groups{};
  std::size_t other_group_count = 0;
  std::array<gid_t, kMostGroups> other_groups{};
  std::array<__user_cap_data_struct, 2> capabilities{};
};
// Two threads that change them at once leave those of one of them, as libc does.
constinit Credentials wanted;

__user_cap_header_struct own_header() {
  return {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
}

void read_credentials(Credentials& of) {
  system_call(SYS_getresuid, &of.users[0], &of.users[1], &of.users[2]);
  system_call(SYS_getresgid, &of.groups[0], &of.groups[1], &of.groups[2]);
  const long count = system_call(SYS_getgroups, kMostGroups, of.other_groups.data());
  of.other_group_count = is_error(count) ? 0 : static_cast<std::size_t>(count);
  __user_cap_header_struct header = own_header();
  system_call(SYS_capget, &header, of.capabilities.data());
}

// After one of the functions below has changed something in the calling thread.
template <class Result>
Result pass_on(Result result) {
  constexpr std::int64_t kPatience = 2 * kSecond;
  if (result == 0 && is_service_running() && is_traced_process()) {
    read_credentials(wanted);
    ask_service_and_wait(Duty::credentials, kPatience);
  }
  return result;
}

// What the program has set; kNoUmask: what it was when the thread began.
constexpr mode_t kNoUmask = ~mode_t{0};
constinit std::atomic<mode_t> program_umask{kNoUmask};

}  // namespace

// Groups while the privilege to set them is there, users last.
void take_over_credentials() {
  const Credentials& to = wanted;
  system_call(SYS_setgroups, to.other_group_count, to.other_groups.data());
  system_call(SYS_setresgid, to.groups[0], to.groups[1], to.groups[2]);
  system_call(SYS_setresuid, to.users[0], to.users[1], to.users[2]);
  __user_cap_header_struct header = own_header();
  system_call(SYS_capset, &header, to.capabilities.data());
}

void use_program_umask() {
  const mode_t mask = program_umask.load(std::memory_order_relaxed);
  // On another thread it is the program's own already.
  if (mask != kNoUmask && is_service_thread()) system_call(SYS_umask, mask);
}

}  // namespace memtrace::runtime

// --- in front of libc's ---

namespace runtime = memtrace::runtime;

#define MTRACE_EXPORT extern "C" [[gnu::visibility("default")]]

MTRACE_EXPORT int setuid(uid_t user) noexcept {
  return runtime::pass_on(runtime::real.setuid(user));
}
MTRACE_EXPORT int seteuid(uid_t user) noexcept {
  return runtime::pass_on(runtime::real.seteuid(user));
}
MTRACE_EXPORT int setreuid(uid_t real, uid_t effective) noexcept {
  return runtime::pass_on(runtime::real.setreuid(real, effective));
}
MTRACE_EXPORT int setresuid(uid_t real, uid_t effective, uid_t saved) noexcept {
  return runtime::pass_on(runtime::real.setresuid(real, effective, saved));
}
MTRACE_EXPORT int setgid(gid_t group) noexcept {
  return runtime::pass_on(runtime::real.setgid(group));
}
MTRACE_EXPORT int setegid(gid_t group) noexcept {
  return runtime::pass_on(runtime::real.setegid(group));
}
MTRACE_EXPORT int setregid(gid_t real, gid_t effective) noexcept {
  return runtime::pass_on(runtime::real.setregid(real, effective));
}
MTRACE_EXPORT int setresgid(gid_t real, gid_t effective, gid_t saved) noexcept {
  return runtime::pass_on(runtime::real.setresgid(real, effective, saved));
}
MTRACE_EXPORT int setgroups(std::size_t count, const gid_t* groups) noexcept {
  return runtime::pass_on(runtime::real.setgroups(count, groups));
}
MTRACE_EXPORT int initgroups(const char* user, gid_t group) {
  return runtime::pass_on(runtime::real.initgroups(user, group));
}
MTRACE_EXPORT mode_t umask(mode_t mask) noexcept {
  const mode_t before = runtime::real.umask(mask);
  if (runtime::is_traced_process()) runtime::program_umask.store(mask, std::memory_order_relaxed);
  return before;
}
MTRACE_EXPORT int capset(cap_user_header_t header, cap_user_data_t data) noexcept {
  return runtime::pass_on(runtime::real.capset(header, data));
}
