#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "cli/completion_script.hpp"

namespace memtrace {
namespace {

// Inside of single quotes and of a specification, where brackets and colons end a part.
std::string escaped(std::string_view text) {
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

std::string action_of(ValueKind kind, const std::vector<std::string>& words) {
  switch (kind) {
    case ValueKind::word:
      return fmt::format("({})", fmt::join(words, " "));
    case ValueKind::file:
      return "_files";
    case ValueKind::folder:
      return "_files -/";
    case ValueKind::process:
      return "_pids";
    default:
      return " ";
  }
}

// '(-f --format)'{-f,--format=}'[How to print]:FORMAT:(table text)'
std::string option_specification(const GrammarOption& option) {
  const std::string value =
      option.kind == ValueKind::none
          ? ""
          : fmt::format(":{}:{}", option.value_name, action_of(option.kind, option.words));
  const std::string text = fmt::format("'[{}]{}'", escaped(option.summary), value);
  const std::string long_name =
      "--" + option.long_name + (option.kind == ValueKind::none ? "" : "=");
  if (option.short_name.empty()) {
    return fmt::format("{}{}{}", option.is_repeatable ? "'*'" : "", long_name, text);
  }
  const std::string others =
      option.is_repeatable ? "*" : fmt::format("(-{} --{})", option.short_name, option.long_name);
  return fmt::format("'{}'{{-{},{}}}{}", others, option.short_name, long_name, text);
}

std::string argument_specification(const GrammarArgument& argument, std::size_t index) {
  if (argument.kind == ValueKind::program) {
    return "'(-)1: :{ _command_names -e }' '*:: :{ _normal }'";
  }
  const std::string place = argument.is_repeatable ? "*" : fmt::format("{}", index + 1);
  return fmt::format("'{}:{}:{}'", place, argument.name, action_of(argument.kind, argument.words));
}

std::string arguments_call(const GrammarCommand& command, std::string_view indent) {
  std::string call = "_arguments -s -S";
  for (const GrammarOption& option : command.options) {
    call += fmt::format(" \\\n{}  {}", indent, option_specification(option));
  }
  for (std::size_t i = 0; i < command.arguments.size(); ++i) {
    call += fmt::format(" \\\n{}  {}", indent, argument_specification(command.arguments[i], i));
  }
  return call;
}

}  // namespace

std::string zsh_completion(const std::vector<GrammarCommand>& grammar) {
  std::string script =
      "#compdef mtrace\n"
      "# Completes the command lines of mtrace in zsh.\n\n"
      "_mtrace() {\n"
      "  local context state state_descr line\n"
      "  typeset -A opt_args\n"
      "  local -a names=(\n";
  for (const GrammarCommand& command : grammar) {
    if (command.name.empty()) continue;
    script += fmt::format("    '{}:{}'\n", command.name, escaped(command.summary));
  }
  script += "  )\n  " + arguments_call(grammar.front(), "  ") +
            " \\\n    '1:command:->command' '*::argument:->argument' && return\n"
            "  if [[ $state == command ]]; then\n"
            "    _describe command names\n"
            "    return\n"
            "  fi\n"
            "  case $line[1] in\n";
  for (const GrammarCommand& command : grammar) {
    if (command.name.empty()) continue;
    script += fmt::format("    {})\n      {}\n      ;;\n", command.name,
                          arguments_call(command, "      "));
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

}  // namespace memtrace
