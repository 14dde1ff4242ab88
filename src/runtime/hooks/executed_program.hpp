// The environment of a program that this one executes.
#pragma once

#include <alloca.h>

#include <cstddef>

#include "runtime/control/control.hpp"
#include "runtime/os/environment.hpp"
#include "runtime/os/real_functions.hpp"

namespace memtrace::runtime {

// Calls execute(environment) with one that starts the tracer in the other program, or with `given`.
template <class Execute>
auto with_environment(bool is_other_process, Strings given, const Execute& execute) {
  // More variables than this on a stack would be too many: such a program is not traced.
  constexpr std::size_t kMostEntries = std::size_t{1} << 14;
  if (!follows_execution(is_other_process)) return execute(given);
  const StartValue start = start_value_for_program(is_other_process);
  const TracedEnvironment traced(given, start);
  if (traced.entries() > kMostEntries) return execute(given);
  auto** const entries = static_cast<char**>(alloca(traced.entries() * sizeof(char*)));
  traced.write(entries, static_cast<char*>(alloca(traced.text_size())));
  return execute(entries);
}

}  // namespace memtrace::runtime
