#include "cli/help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace memtrace {
namespace {

constexpr std::size_t kWidth = 80, kIndent = 28;

// Words as they fit, each line but the first behind `indent` spaces.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string lines;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const bool is_first = column == indent;
    if (!is_first && column + 1 + word.size() > kWidth) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!is_first) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
  }
  return lines;
}

// "-o FILE" of an option that must be given, or an argument.
std::string required_word(const CLI::Option& option) {
  if (!option.get_positional()) {
    if (!option.get_required()) return {};
    const auto& letters = option.get_snames();
    const std::string name =
        letters.empty() ? "--" + option.get_lnames().front() : "-" + letters.front();
    return fmt::format(" {} {}", name, option.get_type_name());
  }
  if (!option.get_option_text().empty()) return " " + option.get_option_text();
  return fmt::format(" {}{}", option.get_name(), option.get_expected_max() > 1 ? "..." : "");
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  const bool is_program = app->get_parent() == nullptr;
  const std::string more =
      is_program ? "mtrace help COMMAND and man mtrace tell more."
                 : fmt::format("man mtrace-{} tells more, with examples.", app->get_name());
  const std::string text = make_usage(app, std::move(name)) + app->get_description() + "\n" +
                           make_positionals(app) + make_groups(app, mode) +
                           make_subcommands(app, mode) + "\n" + more + "\n";
  // The parser puts an empty line behind a group, and another one in front of the next.
  return CLI::detail::find_and_replace(text, "\n\n\n", "\n\n");
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = "Usage: " + name;
  if (!app->get_subcommands({}).empty()) return usage + " COMMAND [OPTIONS]\n";
  usage += " [OPTIONS]";
  for (const CLI::Option* const option : app->get_options()) usage += required_word(*option);
  return usage + "\n";
}

std::string HelpFormatter::make_group(std::string group, bool is_positional,
                                      std::vector<const CLI::Option*> options) const {
  std::string text = "\n" + (is_positional ? "Arguments" : std::move(group)) + ":\n";
  for (const CLI::Option* const option : options) text += make_option(option, is_positional);
  return text;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string text = "  " + make_option_name(option, is_positional) + make_option_opts(option);
  if (text.size() + 2 > kIndent) {
    text += "\n" + std::string(kIndent, ' ');
  } else {
    text.resize(kIndent, ' ');
  }
  return text + wrapped(option->get_description(), kIndent) + "\n";
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
  if (text.empty()) return text;
  return "\nCommands:\n" + text + fmt::format("  {:<12}{}\n", "help", "Print a command's help");
}

}  // namespace memtrace
