// The thread that works for the tracer, and what it must know of the program that it works beside.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "runtime/os/lock.hpp"

namespace memtrace::runtime {

// Whether the program has any threads left. libc ends the process with its last thread; where the
// program's threads end by a system call of their own, the tracer's thread would outlive them.

// By the process' first thread, if it is the one that calls.
void note_first_thread();
// Whether the calling thread, whose number is `own`, is the only one left. Costs nothing as long as
// the first thread is there.
bool is_last_thread(int own);
// What the first thread, which has ended, has ended with: 0 to 255.
int first_thread_status();

// The tracer's own thread has the privileges that the program has, also after the program has given
// some away (libc changes those of its own threads only), and makes files with its umask.

// The program has changed the calling thread's.
void pass_credentials_on();
// It has set its umask.
void note_umask(mode_t mask);

// On the service's thread: what the program's thread that asked for it has.
void take_over_credentials();
// The same for the umask, before it makes a file: it has one of its own.
void use_program_umask();

// The thread that works for the tracer: it takes the snapshots, at their times and for whoever
// asks, so that none of the program's threads is interrupted, borrowed or waited for.

// What the program's threads may ask it for.
enum class Duty : std::uint8_t {
  nothing,        // whoever waits for it knows that all before is done
  snapshot,       // the next one
  last_snapshot,  // where one is wanted at the end
  credentials,    // to take over those that the program has changed
  forget,         // to end
};
inline constexpr unsigned kDuties = 5;

// How the duties are done: on the service's thread, all signals blocked, one after the other.
struct ServiceWork {
  void (*begin)();             // first
  void (*perform)(Duty duty);  // credentials and forget are the service's own
  std::int64_t (*due)();       // when at_time() is to be called; CLOCK_MONOTONIC
  void (*at_time)();
  void (*at_wake)();            // each time that it wakes: each second, or sooner
  void (*serve)(int listener);  // somebody is at the door
  int (*open_door)();           // a descriptor that becomes readable then, or -1
};

// false where the kernel gives no thread. Does not wait until it runs, which takes long on a busy
// machine: what it is asked for meanwhile, it does when it begins. `work` must stay.
bool start_service(const ServiceWork& work);
bool is_service_running();
// Whether this is its thread.
bool is_service_thread();

// Async-signal-safe, and in a thread that holds any of the tracer's locks.
void ask_service(Duty duty);
// The same, and waits until it is done: false where it takes longer than `patience` (nanoseconds),
// or where no service runs. The calling thread's counters may be read meanwhile.
bool ask_service_and_wait(Duty duty, std::int64_t patience);

// Runs perform(duty) on the calling thread, with room enough on the service's stack: where no
// service runs. false where somebody else does that now.
bool do_service_here(Duty duty);

// Ends it. Its thread is gone then.
void end_service();
// In the child of a fork, which does not have it.
void forget_service();
// Held while a duty is done without the service's thread.
Lock& job_lock();

// The program may forbid itself any system call from now on: those who ask make none, and the
// service looks every few milliseconds whether somebody has asked.
void expect_few_system_calls();
bool makes_few_system_calls();

}  // namespace memtrace::runtime
