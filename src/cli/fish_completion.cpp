#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/completion_script.hpp"

namespace memtrace {
namespace {

// A later word may be called like a command: a file, or the program behind `run`.
constexpr const char* kFunctions = R"(# Completes the command lines of mtrace in fish.

function __mtrace_command_is
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end

complete -c mtrace -f
)";

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// -x: nothing but these; -r: a value, and files may be one.
std::string value_of(ValueKind kind, const std::vector<std::string>& words) {
  switch (kind) {
    case ValueKind::word:
      return fmt::format(" -x -a {}", quoted(fmt::format("{}", fmt::join(words, " "))));
    case ValueKind::file:
      return " -r -F";
    case ValueKind::folder:
      return " -x -a '(__fish_complete_directories)'";
    case ValueKind::process:
      return " -x -a '(__fish_complete_pids)'";
    case ValueKind::program:
      return " -x -a '(__fish_complete_subcommand --fcs-skip=2)'";
    case ValueKind::text:
      return " -x";
    case ValueKind::none:
      return "";
  }
  return "";
}

std::string option_line(const std::string& condition, const GrammarOption& option) {
  std::string line = fmt::format("complete -c mtrace -n {}", quoted(condition));
  if (!option.short_name.empty()) line += " -s " + option.short_name;
  if (!option.long_name.empty()) line += " -l " + option.long_name;
  return line + value_of(option.kind, option.words) + " -d " + quoted(option.summary) + "\n";
}

std::string command_lines(const GrammarCommand& command) {
  const bool is_program = command.name.empty();
  const std::string condition =
      is_program ? "__fish_use_subcommand" : "__mtrace_command_is " + command.name;
  std::string lines;
  if (!is_program) {
    lines += fmt::format("\ncomplete -c mtrace -n __fish_use_subcommand -a {} -d {}\n",
                         command.name, quoted(command.summary));
  }
  for (const GrammarOption& option : command.options) lines += option_line(condition, option);
  if (!command.arguments.empty()) {
    const GrammarArgument& argument = command.arguments.back();
    lines += fmt::format("complete -c mtrace -n {}{}\n", quoted(condition),
                         value_of(argument.kind, argument.words));
  }
  return lines;
}

}  // namespace

std::string fish_completion(const std::vector<GrammarCommand>& grammar) {
  std::string script = kFunctions;
  for (const GrammarCommand& command : grammar) script += command_lines(command);
  return script;
}

}  // namespace memtrace
