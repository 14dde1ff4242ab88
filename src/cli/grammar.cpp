#include "cli/grammar.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "cli/choice.hpp"

namespace memtrace {
namespace {

// By what the help calls a value.
constexpr auto kKinds = std::to_array<std::pair<std::string_view, ValueKind>>({
    {"AFTER", ValueKind::file},
    {"BEFORE", ValueKind::file},
    {"CMD", ValueKind::program},
    {"DIR", ValueKind::folder},
    {"FILE", ValueKind::file},
    {"INPUT", ValueKind::file},
    {"PID", ValueKind::process},
    {"SNAPSHOT", ValueKind::file},
});

ValueKind kind_of(const CLI::Option& option, std::string_view value_name) {
  if (!choices_of(option).empty()) return ValueKind::word;
  for (const auto& [name, kind] : kKinds) {
    if (name == value_name) return kind;
  }
  // The pattern of file names that `run` writes is most often a plain name.
  return option.check_lname("output") ? ValueKind::file : ValueKind::text;
}

bool is_repeatable(const CLI::Option& option) {
  return option.get_expected_max() > 1;
}

GrammarOption option_of(const CLI::Option& option) {
  GrammarOption described;
  if (!option.get_snames().empty()) described.short_name = option.get_snames().front();
  if (!option.get_lnames().empty()) described.long_name = option.get_lnames().front();
  described.summary = option.get_description();
  if (option.get_items_expected_max() == 0) return described;
  described.value_name = option.get_type_name();
  described.kind = kind_of(option, described.value_name);
  described.words = choices_of(option);
  described.is_repeatable = is_repeatable(option);
  return described;
}

GrammarArgument argument_of(const CLI::Option& option) {
  const std::string name = option.get_name();
  return {name, kind_of(option, name), choices_of(option), is_repeatable(option)};
}

GrammarCommand command_of(const CLI::App& app) {
  GrammarCommand command{app.get_name(), app.get_description(), {}, {}};
  for (const CLI::Option* const option : app.get_options()) {
    if (option->get_positional()) {
      command.arguments.push_back(argument_of(*option));
    } else {
      command.options.push_back(option_of(*option));
    }
  }
  return command;
}

}  // namespace

std::vector<GrammarCommand> grammar_of(const CLI::App& program) {
  std::vector<GrammarCommand> commands = {command_of(program)};
  commands.front().name.clear();
  GrammarArgument names{"COMMAND", ValueKind::word, {}, false};
  for (const CLI::App* const app : program.get_subcommands({})) {
    commands.push_back(command_of(*app));
    names.words.push_back(app->get_name());
  }
  commands.push_back({"help", "Print a command's help", {}, {std::move(names)}});
  return commands;
}

}  // namespace memtrace
