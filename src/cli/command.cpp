#include "cli/command.hpp"

#include <array>

namespace memtrace {

// Each is in a file of its own.
Command run_command();
Command snapshot_command();
Command top_command();
Command diff_command();
Command trend_command();
Command check_command();
Command info_command();
Command view_command();
Command merge_command();
Command convert_command();
Command symbolize_command();
Command report_command();
Command export_command();
Command completion_command();
Command manual_command();

namespace {

constexpr std::array kCommands = {
    run_command,   snapshot_command, top_command,       diff_command,       trend_command,
    check_command, view_command,     info_command,      report_command,     export_command,
    merge_command, convert_command,  symbolize_command, completion_command, manual_command,
};

Option help_option() {
  return {
      .letter = 'h', .name = "help", .summary = "Print one line per option; --help prints more"};
}

Command program() {
  return {
      "",
      "Which line holds the memory, and what grew between two moments.",
      {{"", {{.letter = 'V', .name = "version", .summary = "Print the version"}, help_option()}}},
  };
}

}  // namespace

std::vector<Command> commands() {
  std::vector<Command> all = {program()};
  for (Command (*const make)() : kCommands) {
    all.push_back(make());
    all.back().groups.back().options.push_back(help_option());
  }
  return all;
}

std::vector<const Option*> options_of(const Command& command) {
  std::vector<const Option*> options;
  for (const OptionGroup& group : command.groups) {
    for (const Option& option : group.options) {
      if (!option.name.empty()) options.push_back(&option);
    }
  }
  return options;
}

std::vector<const Option*> arguments_of(const Command& command) {
  std::vector<const Option*> arguments;
  for (const OptionGroup& group : command.groups) {
    for (const Option& option : group.options) {
      if (option.name.empty()) arguments.push_back(&option);
    }
  }
  return arguments;
}

bool is_flag(const Option& option) {
  return option.value.empty();
}

bool is_repeatable(const Option& option) {
  return std::holds_alternative<std::vector<std::string>*>(option.into);
}

std::string shown_name(const Option& option) {
  return option.name.empty() ? std::string(option.value) : "--" + std::string(option.name);
}

std::string shown_name(const Command& command) {
  return command.name.empty() ? "mtrace" : "mtrace " + std::string(command.name);
}

std::string default_of(const Option& option) {
  // "-" is the standard stream that the summary names.
  if (const auto* const text = std::get_if<std::string*>(&option.into)) {
    return **text == "-" ? std::string() : **text;
  }
  if (const auto* const number = std::get_if<std::uint32_t*>(&option.into)) {
    return **number == 0 ? std::string() : std::to_string(**number);
  }
  return {};
}

}  // namespace memtrace
