#include "cli/help_formatter.hpp"

#include <fmt/format.h>

namespace memtrace {

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = "Usage: " + name;
  if (!app->get_subcommands({}).empty()) return usage + " COMMAND [OPTIONS]\n";
  usage += " [OPTIONS]";
  for (const CLI::Option* const option : app->get_options()) {
    if (!option->get_positional()) continue;
    usage += " " + option->get_name() + (option->get_expected_max() > 1 ? "..." : "");
  }
  return usage + "\n";
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_positional() || option->get_type_size() == 0) return {};
  std::string text = " " + option->get_type_name();
  if (!option->get_default_str().empty()) {
    text += fmt::format(" (default: {})", option->get_default_str());
  }
  return text;
}

std::string HelpFormatter::make_subcommands(const CLI::App* app, CLI::AppFormatMode) const {
  std::string text;
  for (const CLI::App* const command : app->get_subcommands({})) {
    text += fmt::format("  {:<12}{}\n", command->get_name(), command->get_description());
  }
  return text.empty() ? text : "\nCommands:\n" + text + "\nmtrace COMMAND --help tells more.\n";
}

}  // namespace memtrace
