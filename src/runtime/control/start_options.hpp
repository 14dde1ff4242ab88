// What the variable MTRACE asks for.
//
//   MTRACE=[FRAMES][,OPTION]...
//
// FRAMES is the traceback limit. The options are: interval=DURATION (seconds, or with a unit:
// 500ms, 0.5s, 10m, 1h, 1d), keep=N, signal=NUMBER, exit=no, sample=BYTES, follow-fork, only=GLOB
// (again and again), mmap, native, and, last, since it may hold commas, output=PATTERN. `mtrace
// run` adds what only it knows: run=PID/NUMBER, report=PATH.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/control/program_choice.hpp"
#include "runtime/os/environment.hpp"
#include "runtime/snapshot/snapshot_name.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

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
  std::string_view report;             // see report_to()
  std::string_view output;             // empty: no snapshot but on request
  std::string_view wrong;              // what was not understood
};

// Points into `value`. false where there is something that it does not understand: `options.wrong`.
bool parse_start_options(std::string_view value, StartOptions& options);

// `value`, as `mtrace run` gave it, for another program: it points into it.
StartValue start_value_for(std::string_view value, std::uint64_t first_process,
                           std::uint64_t snapshots_so_far);

}  // namespace memtrace::runtime
