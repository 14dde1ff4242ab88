#include "runtime/control/signal_actions.hpp"

#include <array>
#include <atomic>

#include "runtime/control/process.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

using Action = SignalAction;

// By signal.
struct Cover {
  std::atomic<SignalHandler> handler{nullptr};
  // What the program has set, where something of ours stands in its place.
  Action shown{};
};
std::array<Cover, NSIG> covers;
constinit std::atomic<void (*)()> after_abort_handler{nullptr};

Cover* cover_of(int signal) {
  if (signal <= 0 || signal >= NSIG) return nullptr;
  Cover& cover = covers[static_cast<std::size_t>(signal)];
  return cover.handler.load(std::memory_order_relaxed) == nullptr ? nullptr : &cover;
}

bool is_default(const Action& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

// <csignal> has it as an unsigned number.
constexpr int kOnce = static_cast<int>(SA_RESETHAND);

bool has_handler(const Action& action) {
  return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

Action covering(const Cover& cover) {
  Action action{};
  action.sa_sigaction = cover.handler.load(std::memory_order_relaxed);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigfillset(&action.sa_mask);
  return action;
}

// The handler of an action that the program has set. What comes back from SIGABRT's, which the
// process has sent to itself, is at its end.
void run_program_handler(const Action& action, int signal, siginfo_t* information, void* context) {
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(signal, information, context);
  } else if (has_handler(action)) {
    action.sa_handler(signal);
  }
  const auto at_end = after_abort_handler.load(std::memory_order_relaxed);
  if (signal == SIGABRT && at_end != nullptr && information->si_code == SI_TKILL) at_end();
}

// In place of a handler that the program has set with SA_RESETHAND: the kernel would set the
// default action itself, and nobody would see the signal that ends the program.
void handle_once(int signal, siginfo_t* information, void* context) {
  Cover* const cover = cover_of(signal);
  if (cover == nullptr) return;
  const Action once = cover->shown;
  const Action ours = covering(*cover);
  cover->shown = Action{};
  real.sigaction(signal, &ours, nullptr);
  run_program_handler(once, signal, information, context);
}

// In place of the program's handler of SIGABRT: when it returns, abort() ends the process in a way
// that nobody sees.
void handle_abort(int signal, siginfo_t* information, void* context) {
  const Cover* const cover = cover_of(signal);
  if (cover == nullptr) return;
  run_program_handler(cover->shown, signal, information, context);
}

bool is_ours(const Cover& cover, const Action& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 &&
         (action.sa_sigaction == cover.handler.load(std::memory_order_relaxed) ||
          action.sa_sigaction == handle_once || action.sa_sigaction == handle_abort);
}

// libc adds it to what is set, and shows it.
constexpr int kHasRestorer = 0x04000000;

void show_later(Cover& cover, const Action& wanted) {
  cover.shown = wanted;
  cover.shown.sa_flags |= kHasRestorer;
}

Action shown_action(const Action& shown, const Action& in_kernel) {
  Action action = shown;
  if ((shown.sa_flags & kHasRestorer) != 0) action.sa_restorer = in_kernel.sa_restorer;
  return action;
}

// What stands in the kernel for what the program wants, which is what it will be shown.
Action cover_action(int signal, Cover& cover, const Action& wanted) {
  if (is_default(wanted)) {
    show_later(cover, wanted);
    return covering(cover);
  }
  const bool is_for_once = (wanted.sa_flags & kOnce) != 0;
  if (!has_handler(wanted) || (!is_for_once && signal != SIGABRT)) return wanted;
  show_later(cover, wanted);
  Action action = wanted;
  action.sa_flags = (wanted.sa_flags & ~kOnce) | SA_SIGINFO;
  action.sa_sigaction = is_for_once ? handle_once : handle_abort;
  return action;
}

// What was set by a function that goes around our sigaction().
void cover_again(int signal, Cover& cover) {
  Action now{};
  if (real.sigaction(signal, nullptr, &now) != 0 || is_ours(cover, now)) return;
  const Action ours = cover_action(signal, cover, now);
  if (ours.sa_handler != now.sa_handler) real.sigaction(signal, &ours, nullptr);
}

void restore_signal(int signal) {
  Cover* const cover = cover_of(signal);
  if (cover == nullptr) return;
  Action now{};
  real.sigaction(signal, nullptr, &now);
  if (is_ours(*cover, now)) real.sigaction(signal, &cover->shown, nullptr);
  cover->handler.store(nullptr, std::memory_order_relaxed);
}

}  // namespace

OldHandler set_signal_handler(SetHandler* set, int signal, OldHandler handler) {
  if (set == nullptr) return SIG_ERR;
  Cover* const cover = cover_of(signal);
  if (cover == nullptr) return set(signal, handler);
  Action before{};
  real.sigaction(signal, nullptr, &before);
  const OldHandler shown = cover->shown.sa_handler;
  const OldHandler old = set(signal, handler);
  if (old == SIG_ERR) return old;
  if (is_traced_process()) cover_again(signal, *cover);
  return is_ours(*cover, before) ? shown : old;
}

// A child of vfork() has actions of its own, but our memory: what it sets is set as it is.
int change_signal_action(int signal, const Action* action, Action* old) {
  Cover* const cover = cover_of(signal);
  if (cover == nullptr) return real.sigaction(signal, action, old);
  const Action shown = cover->shown;
  Action wanted{};
  if (action != nullptr) {
    wanted = is_traced_process() ? cover_action(signal, *cover, *action) : *action;
  }
  Action before{};
  const int result = real.sigaction(signal, action == nullptr ? nullptr : &wanted, &before);
  if (result != 0) cover->shown = shown;
  if (result == 0 && old != nullptr)
    *old = is_ours(*cover, before) ? shown_action(shown, before) : before;
  return result;
}

bool handle_by_default(int signal, SignalHandler handler) {
  Cover& cover = covers[static_cast<std::size_t>(signal)];
  const SignalHandler present = cover.handler.load(std::memory_order_relaxed);
  if (present != nullptr) return present == handler;
  Action now{};
  if (real.sigaction(signal, nullptr, &now) != 0 || !is_default(now)) return false;
  cover.shown = now;
  cover.handler.store(handler, std::memory_order_relaxed);
  const Action ours = covering(cover);
  return real.sigaction(signal, &ours, nullptr) == 0;
}

void call_after_abort_handler(void (*function)()) {
  after_abort_handler.store(function, std::memory_order_relaxed);
}

void restore_signals() {
  for (int signal = 1; signal < NSIG; ++signal) restore_signal(signal);
}

void meet_default_action(int signal, siginfo_t* information) {
  Action action{};
  action.sa_handler = SIG_DFL;
  real.sigaction(signal, &action, nullptr);
  // All signals are blocked: it comes when the handler returns and the mask is the program's again.
  const long sent =
      system_call(SYS_rt_tgsigqueueinfo, process_id(), thread_id(), signal, information);
  if (is_error(sent)) system_call(SYS_tgkill, process_id(), thread_id(), signal);
}

SignalsBlocked::SignalsBlocked() : mask_(block_all_signals()) {}
SignalsBlocked::~SignalsBlocked() {
  set_signal_mask(mask_);
}

}  // namespace memtrace::runtime
