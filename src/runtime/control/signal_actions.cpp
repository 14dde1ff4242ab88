#include "runtime/control/signal_actions.hpp"

#include <dlfcn.h>

#include <array>
#include <atomic>

#include "runtime/control/control.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

using Action = struct sigaction;
using OldHandler = void (*)(int);
using ChangeMask = int (*)(int, const sigset_t*, sigset_t*);
using SetHandler = OldHandler (*)(int, OldHandler);

constexpr std::size_t kMaskSize = 8;

struct RealSignalFunctions {
  int (*sigaction)(int, const Action*, Action*);
  ChangeMask sigprocmask, pthread_sigmask;
  SetHandler signal, sysv_signal, sigset;
};
constinit RealSignalFunctions real_signals{};

template <class Function>
void find(Function& function, const char* name) {
  if (function == nullptr) function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// By signal.
struct Cover {
  std::atomic<SignalHandler> handler{nullptr};
  Action shown{};  // what the program has set: some form of the default action
};
std::array<Cover, NSIG> covers;
std::atomic<int> claimed{0};
std::atomic<void (*)()> give_up_claimed{nullptr};

Cover* cover_of(int signal) {
  if (signal <= 0 || signal >= NSIG) return nullptr;
  Cover& cover = covers[static_cast<std::size_t>(signal)];
  return cover.handler.load(std::memory_order_relaxed) == nullptr ? nullptr : &cover;
}

bool is_ours(const Cover& cover, const Action& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 &&
         action.sa_sigaction == cover.handler.load(std::memory_order_relaxed);
}

bool is_default(const Action& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

Action covering(const Cover& cover) {
  Action action{};
  action.sa_sigaction = cover.handler.load(std::memory_order_relaxed);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigfillset(&action.sa_mask);
  return action;
}

// Where the default action was set by a function that goes around our sigaction().
void cover_again(int signal, const Cover& cover) {
  Action now{};
  if (real_signals.sigaction(signal, nullptr, &now) != 0 || !is_default(now)) return;
  const Action ours = covering(cover);
  real_signals.sigaction(signal, &ours, nullptr);
}

// A child of vfork() has actions of its own, but our memory.
void give_up(int signal) {
  if (signal != claimed.load(std::memory_order_relaxed) || !is_traced_process()) return;
  give_up_claimed.load(std::memory_order_relaxed)();
}

OldHandler set_handler(SetHandler set, int signal, OldHandler handler) {
  if (set == nullptr) return SIG_ERR;
  if (handler != SIG_DFL) give_up(signal);
  Cover* const cover = cover_of(signal);
  if (cover == nullptr) return set(signal, handler);
  Action before{};
  real_signals.sigaction(signal, nullptr, &before);
  const OldHandler old = set(signal, handler);
  if (old == SIG_ERR) return old;
  cover_again(signal, *cover);
  return is_ours(*cover, before) ? SIG_DFL : old;
}

int change_mask(ChangeMask change, int how, const sigset_t* set, sigset_t* old) {
  const int signal = claimed.load(std::memory_order_relaxed);
  if (set == nullptr || signal == 0 || how == SIG_UNBLOCK) return change(how, set, old);
  sigset_t without = *set;
  sigdelset(&without, signal);
  return change(how, &without, old);
}

}  // namespace

void find_real_signal_functions() {
  find(real_signals.sigaction, "sigaction");
  find(real_signals.sigprocmask, "sigprocmask");
  find(real_signals.pthread_sigmask, "pthread_sigmask");
  find(real_signals.signal, "signal");
  find(real_signals.sysv_signal, "__sysv_signal");
  find(real_signals.sigset, "sigset");
}

bool handle_by_default(int signal, SignalHandler handler) {
  Cover& cover = covers[static_cast<std::size_t>(signal)];
  const SignalHandler present = cover.handler.load(std::memory_order_relaxed);
  if (present != nullptr) return present == handler;
  Action now{};
  if (real_signals.sigaction(signal, nullptr, &now) != 0 || !is_default(now)) return false;
  cover.shown = now;
  cover.handler.store(handler, std::memory_order_relaxed);
  const Action ours = covering(cover);
  return real_signals.sigaction(signal, &ours, nullptr) == 0;
}

void claim_signal(int signal, void (*give_up)()) {
  give_up_claimed.store(give_up, std::memory_order_relaxed);
  claimed.store(signal, std::memory_order_relaxed);
}

bool is_blocked(int signal) {
  unsigned long mask = 0;
  system_call(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &mask, kMaskSize);
  return (mask >> (signal - 1) & 1) != 0;
}

void restore_signal(int signal) {
  Cover* const cover = cover_of(signal);
  if (cover == nullptr) return;
  Action now{};
  real_signals.sigaction(signal, nullptr, &now);
  if (is_ours(*cover, now)) real_signals.sigaction(signal, &cover->shown, nullptr);
  cover->handler.store(nullptr, std::memory_order_relaxed);
}

void restore_signals() {
  claim_signal(0, nullptr);
  for (int signal = 1; signal < NSIG; ++signal) restore_signal(signal);
}

void meet_default_action(int signal, siginfo_t* information) {
  Action action{};
  action.sa_handler = SIG_DFL;
  real_signals.sigaction(signal, &action, nullptr);
  // All signals are blocked: it comes when the handler returns and the mask is the program's again.
  const long sent =
      system_call(SYS_rt_tgsigqueueinfo, process_id(), thread_id(), signal, information);
  if (is_error(sent)) system_call(SYS_tgkill, process_id(), thread_id(), signal);
}

SignalsBlocked::SignalsBlocked() {
  const unsigned long all = ~0UL;
  system_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask_, kMaskSize);
}

SignalsBlocked::~SignalsBlocked() {
  system_call(SYS_rt_sigprocmask, SIG_SETMASK, &mask_, nullptr, kMaskSize);
}

}  // namespace memtrace::runtime

// --- in front of libc's ---

namespace runtime = memtrace::runtime;

#define MTRACE_EXPORT extern "C" [[gnu::visibility("default")]]

MTRACE_EXPORT int sigaction(int signal, const struct sigaction* action,
                            struct sigaction* old) noexcept {
  runtime::find_real_signal_functions();
  const auto real = runtime::real_signals.sigaction;
  if (action != nullptr && !runtime::is_default(*action)) runtime::give_up(signal);
  runtime::Cover* const cover = runtime::cover_of(signal);
  if (cover == nullptr) return real(signal, action, old);
  const struct sigaction shown = cover->shown;
  struct sigaction wanted {};
  if (action != nullptr) {
    wanted = *action;
    if (runtime::is_default(*action)) {
      cover->shown = *action;
      wanted = runtime::covering(*cover);
    }
  }
  struct sigaction before {};
  const int result = real(signal, action == nullptr ? nullptr : &wanted, &before);
  if (result == 0 && old != nullptr) *old = runtime::is_ours(*cover, before) ? shown : before;
  return result;
}

// NOLINTNEXTLINE(readability-identifier-naming): glibc's name
MTRACE_EXPORT int __sigaction(int signal, const struct sigaction* action, struct sigaction* old) {
  return sigaction(signal, action, old);
}

MTRACE_EXPORT runtime::OldHandler signal(int signal, runtime::OldHandler handler) noexcept {
  runtime::find_real_signal_functions();
  return runtime::set_handler(runtime::real_signals.signal, signal, handler);
}

MTRACE_EXPORT runtime::OldHandler bsd_signal(int signal_number, runtime::OldHandler handler) {
  return signal(signal_number, handler);
}

MTRACE_EXPORT runtime::OldHandler ssignal(int signal_number, runtime::OldHandler handler) noexcept {
  return signal(signal_number, handler);
}

MTRACE_EXPORT runtime::OldHandler __sysv_signal(int signal, runtime::OldHandler handler) noexcept {
  runtime::find_real_signal_functions();
  return runtime::set_handler(runtime::real_signals.sysv_signal, signal, handler);
}

MTRACE_EXPORT runtime::OldHandler sysv_signal(int signal, runtime::OldHandler handler) noexcept {
  return __sysv_signal(signal, handler);
}

MTRACE_EXPORT runtime::OldHandler sigset(int signal, runtime::OldHandler handler) noexcept {
  runtime::find_real_signal_functions();
  return runtime::set_handler(runtime::real_signals.sigset, signal, handler);
}

MTRACE_EXPORT int sigprocmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  runtime::find_real_signal_functions();
  return runtime::change_mask(runtime::real_signals.sigprocmask, how, set, old);
}

MTRACE_EXPORT int pthread_sigmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  runtime::find_real_signal_functions();
  return runtime::change_mask(runtime::real_signals.pthread_sigmask, how, set, old);
}
