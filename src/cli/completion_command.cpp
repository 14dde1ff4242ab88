// Scripts that complete mtrace's command lines in bash, zsh and fish.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <memory>

#include "base/file_output.hpp"
#include "cli/command.hpp"

namespace memtrace {
namespace {

using Names = std::vector<std::string>;

// Those that people see, and `help`, which takes one of them.
std::vector<Command> completed_commands() {
  std::vector<Command> all = commands();
  std::erase_if(all, [](const Command& command) { return command.is_hidden; });
  Option names{.value = "COMMAND", .summary = "The command to be helped with"};
  for (const Command& command : all) {
    if (!command.name.empty()) names.words.push_back({command.name, command.summary});
  }
  all.push_back({"help", "Print a command's help", {{"", {std::move(names)}}}});
  return all;
}

Names words_of(const Option& option) {
  Names names;
  for (const auto* const words : {&option.words, &option.examples}) {
    for (const Word& word : *words) names.emplace_back(word.name);
  }
  return names;
}

// The last one of an argument list is the one that a shell offers at any place.
Option last_argument(const Command& command) {
  const auto arguments = arguments_of(command);
  return arguments.empty() ? Option() : *arguments.back();
}

// --- bash ---

// What bash finds by itself. bash-completion, which most people have, is not needed.
constexpr const char* kBashFunctions = R"(# Completes the command lines of mtrace in bash.

_mtrace_words() {
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}

# Names may hold spaces: one a line. -o filenames has bash quote them.
_mtrace_files() {
  local IFS=$'\n'
  compopt -o filenames
  COMPREPLY=($(compgen "$1" -- "$current"))
}

# Behind the options of `run` comes a command line of its own.
_mtrace_program() {
  local index=2
  while [[ $index -lt $COMP_CWORD && ${COMP_WORDS[index]} == -* && ${COMP_WORDS[index]} != -- ]]; do
    if [[ ${COMP_WORDS[index + 1]} == = ]]; then
      index=$((index + 3))
    elif [[ " $1 " == *" ${COMP_WORDS[index]} "* ]]; then
      index=$((index + 2))
    else
      index=$((index + 1))
    fi
  done
  if [[ ${COMP_WORDS[index]} == -- && $index -lt $COMP_CWORD ]]; then
    index=$((index + 1))
  elif [[ $current == -* && $index -ge $COMP_CWORD ]]; then
    return 1
  fi
  [[ $index -gt $COMP_CWORD ]] && return 1
  if [[ $index -eq $COMP_CWORD ]]; then
    COMPREPLY=($(compgen -c -- "$current"))
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$index"
  else
    _mtrace_files -f
  fi
}

_mtrace() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # --option=value comes as three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
)";

std::string bash_action(const Option& option) {
  const Names words = words_of(option);
  if (!words.empty()) return fmt::format("_mtrace_words '{}'", fmt::join(words, " "));
  switch (option.completion) {
    case Completion::files:
      return "_mtrace_files -f";
    case Completion::folders:
      return "_mtrace_files -d";
    case Completion::processes:
      return "_mtrace_words \"$(cd /proc && echo [0-9]*)\"";
    case Completion::nothing:
    case Completion::program:
      break;
  }
  return ":";
}

Names names_of(const Option& option) {
  Names names;
  if (option.letter != '\0') names.push_back({'-', option.letter});
  names.push_back(shown_name(option));
  return names;
}

Names option_names(const Command& command, bool only_with_value) {
  Names names;
  for (const Option* const option : options_of(command)) {
    if (only_with_value && is_flag(*option)) continue;
    for (std::string& name : names_of(*option)) names.push_back(std::move(name));
  }
  return names;
}

// Before all else: a word behind an option is its value.
std::string bash_value_cases(const Command& command) {
  std::string text;
  for (const Option* const option : options_of(command)) {
    if (is_flag(*option)) continue;
    text += fmt::format("        {}) {}; return ;;\n", fmt::join(names_of(*option), " | "),
                        bash_action(*option));
  }
  return text.empty() ? text : "      case $previous in\n" + text + "      esac\n";
}

std::string bash_case(const Command& command) {
  std::string text = fmt::format("    {})\n", command.name);
  const Option argument = last_argument(command);
  if (argument.completion == Completion::program) {
    text += fmt::format("      _mtrace_program '{}' && return\n",
                        fmt::join(option_names(command, true), " "));
  }
  text += bash_value_cases(command);
  text += fmt::format("      if [[ $current == -* ]]; then _mtrace_words '{}'; else {}; fi\n",
                      fmt::join(option_names(command, false), " "), bash_action(argument));
  return text + "      ;;\n";
}

std::string bash_script(const std::vector<Command>& commands) {
  Names first;
  for (const Command& command : commands) {
    if (!command.name.empty()) first.emplace_back(command.name);
  }
  for (std::string& name : option_names(commands.front(), false)) first.push_back(std::move(name));
  std::string script = kBashFunctions;
  script += fmt::format("  if [[ $COMP_CWORD -eq 1 ]]; then\n    _mtrace_words '{}'\n",
                        fmt::join(first, " "));
  script += "    return\n  fi\n  case ${COMP_WORDS[1]} in\n";
  for (const Command& command : commands) {
    if (!command.name.empty()) script += bash_case(command);
  }
  return script + "  esac\n}\n\ncomplete -F _mtrace mtrace\n";
}

// --- zsh ---

// Inside of single quotes and of a specification, where brackets and colons end a part.
std::string zsh_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

std::string zsh_action(const Option& option) {
  const Names words = words_of(option);
  if (!words.empty()) return fmt::format("({})", fmt::join(words, " "));
  switch (option.completion) {
    case Completion::files:
      return "_files";
    case Completion::folders:
      return "_files -/";
    case Completion::processes:
      return "_pids";
    case Completion::nothing:
    case Completion::program:
      break;
  }
  return " ";
}

// '(-f --format)'{-f,--format=}'[How to print]:FORMAT:(table text)'
std::string zsh_option(const Option& option) {
  const std::string value =
      is_flag(option) ? "" : fmt::format(":{}:{}", option.value, zsh_action(option));
  const std::string text = fmt::format("'[{}]{}'", zsh_escaped(option.summary), value);
  const std::string long_name = shown_name(option) + (is_flag(option) ? "" : "=");
  if (option.letter == '\0') {
    return fmt::format("{}{}{}", is_repeatable(option) ? "'*'" : "", long_name, text);
  }
  const std::string others =
      is_repeatable(option) ? "*" : fmt::format("(-{} --{})", option.letter, option.name);
  return fmt::format("'{}'{{-{},{}}}{}", others, option.letter, long_name, text);
}

std::string zsh_argument(const Option& argument, std::size_t place) {
  if (argument.completion == Completion::program) {
    return "'(-)1: :{ _command_names -e }' '*:: :{ _normal }'";
  }
  const std::string where = is_repeatable(argument) ? "*" : std::to_string(place);
  return fmt::format("'{}:{}:{}'", where, argument.value, zsh_action(argument));
}

std::string zsh_call(const Command& command, std::string_view indent) {
  std::string call = "_arguments -s -S";
  for (const Option* const option : options_of(command)) {
    call += fmt::format(" \\\n{}  {}", indent, zsh_option(*option));
  }
  std::size_t place = 0;
  for (const Option* const argument : arguments_of(command)) {
    call += fmt::format(" \\\n{}  {}", indent, zsh_argument(*argument, ++place));
  }
  return call;
}

std::string zsh_script(const std::vector<Command>& commands) {
  std::string script =
      "#compdef mtrace\n"
      "# Completes the command lines of mtrace in zsh.\n\n"
      "_mtrace() {\n"
      "  local context state state_descr line\n"
      "  typeset -A opt_args\n"
      "  local -a names=(\n";
  for (const Command& command : commands) {
    if (command.name.empty()) continue;
    script += fmt::format("    '{}:{}'\n", command.name, zsh_escaped(command.summary));
  }
  script += "  )\n  " + zsh_call(commands.front(), "  ") +
            " \\\n    '1:command:->command' '*::argument:->argument' && return\n"
            "  if [[ $state == command ]]; then\n"
            "    _describe command names\n"
            "    return\n"
            "  fi\n"
            "  case $line[1] in\n";
  for (const Command& command : commands) {
    if (command.name.empty()) continue;
    script +=
        fmt::format("    {})\n      {}\n      ;;\n", command.name, zsh_call(command, "      "));
  }
  // Read by `source` it has to be announced; loaded by compinit it is called.
  return script +
         "  esac\n"
         "}\n\n"
         "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
         "  _mtrace \"$@\"\n"
         "else\n"
         "  compdef _mtrace mtrace\n"
         "fi\n";
}

// --- fish ---

// A later word may be called like a command: a file, or the program behind `run`.
constexpr const char* kFishFunctions = R"(# Completes the command lines of mtrace in fish.

function __mtrace_command_is
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end

complete -c mtrace -f
)";

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// -x: nothing but these; -r: a value, and files may be one.
std::string fish_value(const Option& option) {
  const Names words = words_of(option);
  if (!words.empty()) {
    return " -x -a " + fish_quoted(fmt::format("{}", fmt::join(words, " ")));
  }
  switch (option.completion) {
    case Completion::files:
      return " -r -F";
    case Completion::folders:
      return " -x -a '(__fish_complete_directories)'";
    case Completion::processes:
      return " -x -a '(__fish_complete_pids)'";
    case Completion::program:
      return " -x -a '(__fish_complete_subcommand --fcs-skip=2)'";
    case Completion::nothing:
      break;
  }
  return is_flag(option) ? "" : " -x";
}

std::string fish_option(const std::string& condition, const Option& option) {
  std::string line = fmt::format("complete -c mtrace -n {}", fish_quoted(condition));
  if (option.letter != '\0') line += fmt::format(" -s {}", option.letter);
  return line + fmt::format(" -l {}{} -d {}\n", option.name, fish_value(option),
                            fish_quoted(option.summary));
}

std::string fish_lines(const Command& command) {
  const std::string condition = command.name.empty()
                                    ? "__fish_use_subcommand"
                                    : "__mtrace_command_is " + std::string(command.name);
  std::string lines;
  if (!command.name.empty()) {
    lines += fmt::format("\ncomplete -c mtrace -n __fish_use_subcommand -a {} -d {}\n",
                         command.name, fish_quoted(command.summary));
  }
  for (const Option* const option : options_of(command)) lines += fish_option(condition, *option);
  if (!arguments_of(command).empty()) {
    lines += fmt::format("complete -c mtrace -n {}{}\n", fish_quoted(condition),
                         fish_value(last_argument(command)));
  }
  return lines;
}

std::string fish_script(const std::vector<Command>& commands) {
  std::string script = kFishFunctions;
  for (const Command& command : commands) script += fish_lines(command);
  return script;
}

// --- the command ---

struct Shell {
  std::string_view name;
  std::string (*script)(const std::vector<Command>& commands);
};

constexpr std::array kShells = {
    Shell{"bash", bash_script},
    Shell{"zsh", zsh_script},
    Shell{"fish", fish_script},
};

void print_script(const std::string& name) {
  for (const Shell& shell : kShells) {
    if (shell.name != name) continue;
    Output output("-");
    output.write(shell.script(completed_commands()));
    output.commit();
  }
}

}  // namespace

Command completion_command() {
  const auto shell = std::make_shared<std::string>();
  Option argument{.value = "SHELL",
                  .into = shell.get(),
                  .summary = "The name of the shell",
                  .is_required = true};
  for (const Shell& one : kShells) argument.words.push_back({one.name, {}});
  return {.name = "completion",
          .summary = "Print a completion script for bash, zsh or fish",
          .groups = {{"", {std::move(argument)}}},
          .run = [shell] {
            print_script(*shell);
            return kExitDone;
          }};
}

}  // namespace memtrace
