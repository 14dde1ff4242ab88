#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/output.hpp"
#include "cli/command.hpp"
#include "cli/command_line.hpp"
#include "cli/complaint.hpp"
#include "cli/help.hpp"
#include "cli/traced_command.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// "--native=no", which the parser would understand. "=true" it takes in any case.
void refuse_truth_values(CLI::App& app) {
  for (CLI::Option* const option : app.get_options()) option->disable_flag_override();
}

// "-n 5 -n 3" is "-n 3", as an alias and what is added to it want it.
void let_the_last_win(CLI::App& app) {
  for (CLI::Option* const option : app.get_options()) {
    const bool is_single = option->get_items_expected_max() == 1 && !option->get_positional();
    if (is_single) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
}

void add_commands(CLI::App& program) {
  program.set_version_flag("-V,--version", "mtrace " MTRACE_VERSION, "Print the version");
  program.set_help_flag("-h,--help", "Print this help");
  for (const Command& command : commands()) {
    CLI::App* const app = program.add_subcommand(command.name, command.summary);
    command.add_to(*app);
    refuse_truth_values(*app);
    let_the_last_win(*app);
  }
  refuse_truth_values(program);
}

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

// "help [COMMAND]" is "[COMMAND] --help", of which there is one for help itself, too; and
// "--option=" has an empty value, where the parser would take the next word.
std::vector<std::string> arguments_of(const std::vector<std::string>& words) {
  std::vector<std::string> arguments;
  for (std::string word : words) {
    const bool empty_value = word.starts_with("--") && word.find('=') == word.size() - 1;
    if (empty_value) word.pop_back();
    arguments.push_back(std::move(word));
    if (empty_value) arguments.emplace_back();
  }
  const auto command =
      std::ranges::find_if(arguments, [](const std::string& word) { return word != "help"; });
  if (command != arguments.begin()) {
    arguments.erase(arguments.begin(), command);
    arguments.emplace_back("--help");
  }
  return arguments;
}

int run(int argc, char** argv) {
  CLI::App program("Which line holds the memory, and what grew between two moments.", "mtrace");
  program.formatter(std::make_shared<HelpFormatter>());
  add_commands(program);
  std::vector<std::string> words(argv + 1, argv + argc);
  join_traced_command(program, words);
  std::vector<std::string> arguments = arguments_of(words);
  const std::string wrong_letters = letters_error(program, arguments);
  if (!wrong_letters.empty()) return fail(wrong_letters);
  // As the parser takes them.
  std::reverse(arguments.begin(), arguments.end());
  try {
    program.parse(std::move(arguments));
    if (program.get_subcommands().empty()) return fail(no_command_error());
    return kExitDone;
  } catch (const CLI::CallForHelp&) {
    const std::string unknown = unknown_command(program);
    if (!unknown.empty()) return fail(unknown_command_error(program, unknown));
    const std::string option = unknown_option(program);
    if (!option.empty()) return fail(unknown_option_error(program, option));
    return print_text(program.help());
  } catch (const CLI::CallForVersion&) {
    return print_text("mtrace " MTRACE_VERSION "\n");
  } catch (const CLI::ParseError& error) {
    return fail(usage_error(program, error));
  }
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
