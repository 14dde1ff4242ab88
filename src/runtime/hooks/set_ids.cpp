// What changes the program's privileges and its umask, in front of libc's: see
// control/credentials.hpp.
#include <grp.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>

#include "runtime/control/service.hpp"
#include "runtime/os/real_functions.hpp"

namespace runtime = memtrace::runtime;

namespace {

template <class Result>
Result pass_on(Result result) {
  if (result == 0) runtime::pass_credentials_on();
  return result;
}

}  // namespace

MTRACE_EXPORT int setuid(uid_t user) noexcept {
  return pass_on(runtime::real.setuid(user));
}
MTRACE_EXPORT int seteuid(uid_t user) noexcept {
  return pass_on(runtime::real.seteuid(user));
}
MTRACE_EXPORT int setreuid(uid_t real_user, uid_t effective) noexcept {
  return pass_on(runtime::real.setreuid(real_user, effective));
}
MTRACE_EXPORT int setresuid(uid_t real_user, uid_t effective, uid_t saved) noexcept {
  return pass_on(runtime::real.setresuid(real_user, effective, saved));
}
MTRACE_EXPORT int setgid(gid_t group) noexcept {
  return pass_on(runtime::real.setgid(group));
}
MTRACE_EXPORT int setegid(gid_t group) noexcept {
  return pass_on(runtime::real.setegid(group));
}
MTRACE_EXPORT int setregid(gid_t real_group, gid_t effective) noexcept {
  return pass_on(runtime::real.setregid(real_group, effective));
}
MTRACE_EXPORT int setresgid(gid_t real_group, gid_t effective, gid_t saved) noexcept {
  return pass_on(runtime::real.setresgid(real_group, effective, saved));
}
MTRACE_EXPORT int setgroups(std::size_t count, const gid_t* groups) noexcept {
  return pass_on(runtime::real.setgroups(count, groups));
}
MTRACE_EXPORT int initgroups(const char* user, gid_t group) {
  return pass_on(runtime::real.initgroups(user, group));
}
MTRACE_EXPORT mode_t umask(mode_t mask) noexcept {
  const mode_t before = runtime::real.umask(mask);
  runtime::note_umask(mask);
  return before;
}
MTRACE_EXPORT int capset(cap_user_header_t header, cap_user_data_t data) noexcept {
  return pass_on(runtime::real.capset(header, data));
}
