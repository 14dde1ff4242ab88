#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/completion_script.hpp"

namespace memtrace {
namespace {

// What bash finds by itself. bash-completion, which most people have, is not needed.
constexpr const char* kFunctions = R"(# Completes the command lines of mtrace in bash.

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

std::string action_of(ValueKind kind, const std::vector<std::string>& words) {
  switch (kind) {
    case ValueKind::word:
      return fmt::format("_mtrace_words '{}'", fmt::join(words, " "));
    case ValueKind::file:
      return "_mtrace_files -f";
    case ValueKind::folder:
      return "_mtrace_files -d";
    case ValueKind::process:
      return "_mtrace_words \"$(cd /proc && echo [0-9]*)\"";
    default:
      return ":";
  }
}

std::vector<std::string> names_of(const GrammarOption& option) {
  std::vector<std::string> names;
  if (!option.short_name.empty()) names.push_back("-" + option.short_name);
  if (!option.long_name.empty()) names.push_back("--" + option.long_name);
  return names;
}

template <class Wanted>
std::vector<std::string> names_where(const GrammarCommand& command, const Wanted& wanted) {
  std::vector<std::string> names;
  for (const GrammarOption& option : command.options) {
    if (!wanted(option)) continue;
    for (const std::string& name : names_of(option)) names.push_back(name);
  }
  return names;
}

// Before all else: a word behind an option is its value.
std::string value_cases(const GrammarCommand& command) {
  std::string text;
  for (const GrammarOption& option : command.options) {
    if (option.kind == ValueKind::none) continue;
    text += fmt::format("        {}) {}; return ;;\n", fmt::join(names_of(option), " | "),
                        action_of(option.kind, option.words));
  }
  return text.empty() ? text : "      case $previous in\n" + text + "      esac\n";
}

std::string command_case(const GrammarCommand& command) {
  const auto any = [](const GrammarOption&) { return true; };
  const auto with_value = [](const GrammarOption& option) {
    return option.kind != ValueKind::none;
  };
  const auto options = names_where(command, any);
  std::string text = fmt::format("    {})\n", command.name);
  const GrammarArgument none;
  const GrammarArgument& argument = command.arguments.empty() ? none : command.arguments.back();
  if (argument.kind == ValueKind::program) {
    text += fmt::format("      _mtrace_program '{}' && return\n",
                        fmt::join(names_where(command, with_value), " "));
  }
  text += value_cases(command);
  text += fmt::format("      if [[ $current == -* ]]; then _mtrace_words '{}'; else {}; fi\n",
                      fmt::join(options, " "), action_of(argument.kind, argument.words));
  return text + "      ;;\n";
}

}  // namespace

std::string bash_completion(const std::vector<GrammarCommand>& grammar) {
  std::vector<std::string> first;
  for (const GrammarCommand& command : grammar) {
    if (!command.name.empty()) first.push_back(command.name);
  }
  for (const GrammarOption& option : grammar.front().options) {
    for (const std::string& name : names_of(option)) first.push_back(name);
  }
  std::string script = kFunctions;
  script += fmt::format("  if [[ $COMP_CWORD -eq 1 ]]; then\n    _mtrace_words '{}'\n",
                        fmt::join(first, " "));
  script += "    return\n  fi\n  case ${COMP_WORDS[1]} in\n";
  for (const GrammarCommand& command : grammar) {
    if (!command.name.empty()) script += command_case(command);
  }
  return script + "  esac\n}\n\ncomplete -F _mtrace mtrace\n";
}

}  // namespace memtrace
