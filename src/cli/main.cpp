#include <malloc.h>

#include <csignal>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_output.hpp"
#include "cli/command.hpp"
#include "cli/command_line.hpp"
#include "cli/help.hpp"
#include "cli/standard_error.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

int fail(std::string_view message) {
  complain(message);
  return kExitError;
}

// Help and version, which fail like any other output.
int print_text(const std::string& text) {
  Output output("-");
  output.write(text);
  output.commit();
  return kExitDone;
}

int run(int argc, char** argv) {
  const std::vector<Command> all = commands();
  const auto [command, asks] = parse_command_line(all, {argv + 1, argv + argc});
  switch (asks) {
    case CommandLine::Asks::for_help:
      return print_text(short_help(*command, all));
    case CommandLine::Asks::for_whole_help:
      return print_text(whole_help(*command, all));
    case CommandLine::Asks::for_version:
      return print_text("mtrace " MTRACE_VERSION "\n");
    case CommandLine::Asks::to_run:
      break;
  }
  return command->run();
}

// The one place where exceptions end.
int run_and_report(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    return fail(error.what());
  } catch (const std::bad_alloc&) {
    return fail("it needs more memory than there is");
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

// A command runs for a moment and then ends. Memory that goes back to the kernel in between only
// comes again page by page, which was a fifth of the time of `top`.
void keep_freed_memory() {
  constexpr int kMost = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kMost);
  mallopt(M_TRIM_THRESHOLD, kMost);
}

}  // namespace
}  // namespace memtrace

int main(int argc, char** argv) {
  // A reader that goes away (`| head`) is noticed when writing, not died of.
  std::signal(SIGPIPE, SIG_IGN);
  memtrace::keep_freed_memory();
  return memtrace::run_and_report(argc, argv);
}
