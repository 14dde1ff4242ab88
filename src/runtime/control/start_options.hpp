// What the variable MTRACE asks for, and of which programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/control/annotations.hpp"
#include "runtime/os/environment.hpp"
#include "runtime/snapshot/written_series.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

// Which programs are traced, of all that MTRACE reaches: only=GLOB.

// Globs of names: `*`, `?`, `[seq]` and `[!seq]`, byte by byte. They point into what MTRACE said.
class ProgramChoice {
 public:
  // false where there are too many.
  bool add(std::string_view glob);
  // Whether this process' program is one of them: by the name that it was executed by, as %e has
  // it, or by its file's, which is another one where that was a link or a script. Any, where there
  // is no glob.
  [[nodiscard]] bool includes_this() const;
  [[nodiscard]] bool includes(std::string_view name) const;

 private:
  static constexpr std::size_t kMost = 16;
  std::string_view globs_[kMost];
  std::size_t count_ = 0;
};

// What the variable MTRACE asks for.
//
//   MTRACE=[FRAMES][,OPTION]...
//
// FRAMES is the traceback limit. The options are: interval=DURATION (seconds, or with a unit:
// 500ms, 0.5s, 10m, 1h, 1d), keep=N, signal=NUMBER, exit=no, sample=SIZE (bytes, or with a unit:
// 512KiB, 1M), follow-fork, only=GLOB and label=NAME=VALUE (again and again), mmap, native, and,
// last, since it may hold commas, output=PATTERN. `mtrace run` adds what only it knows:
// run=PID/NUMBER, report=PATH.
struct StartOptions {
  Settings settings;
  std::int64_t interval = 0;           // nanoseconds between snapshots; 0: none
  std::uint64_t keep = 0;              // snapshots; 0: all
  std::uint64_t signal = 0;            // that asks for a snapshot; 0: none
  bool at_exit = true;                 // a last snapshot, where there is an output
  bool follow_fork = false;            // trace child processes too
  bool by_run = false;                 // `mtrace run` started the first process
  std::uint64_t first_process = 0;     // the one that `mtrace run` started; 0: this one
  std::uint64_t snapshots_so_far = 0;  // that this process wrote before it executed this program
  ProgramChoice only;                  // other programs only pass it on
  Labels labels;                       // of each snapshot
  std::string_view report;             // see send_messages_to()
  std::string_view output;             // empty: no snapshot but on request
  std::string_view wrong;              // what was not understood
};

// A few digits and nothing else. false: it is none.
bool parse_number(std::string_view text, std::uint64_t& number);

// Points into `value`. false where there is something that it does not understand: `options.wrong`.
bool parse_start_options(std::string_view value, StartOptions& options);

// `value`, as `mtrace run` gave it, for another program: it points into it.
StartValue start_value_for(std::string_view value, std::uint64_t first_process,
                           std::uint64_t snapshots_so_far);

}  // namespace memtrace::runtime
