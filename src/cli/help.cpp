#include "cli/help.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace memtrace {
namespace {

constexpr std::size_t kWidth = 80, kIndent = 26, kTextIndent = 10;

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

// "name      text", where a long name has a line of its own.
std::string row(std::string line, std::string_view text, std::size_t indent) {
  if (line.size() + 2 > indent) {
    line += "\n" + std::string(indent, ' ');
  } else {
    line.resize(indent, ' ');
  }
  line += wrapped(text, indent);
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

// "-g, --group-by KEY" or "SNAPSHOT".
std::string heading_of(const Option& option) {
  if (option.name.empty()) return shown_name(option);
  const std::string letter = option.letter == '\0' ? "" : fmt::format("-{}, ", option.letter);
  return fmt::format("{}{}{}{}", letter, shown_name(option), is_flag(option) ? "" : " ",
                     option.value);
}

std::string names_of(const std::vector<Word>& words) {
  std::vector<std::string_view> names;
  names.reserve(words.size());
  for (const Word& word : words) names.push_back(word.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string short_text(const Option& option) {
  std::string text(option.summary);
  if (!option.words.empty()) text += ": " + names_of(option.words);
  const std::string value = default_of(option);
  return value.empty() ? text : fmt::format("{} (default: {})", text, value);
}

// The text without its backticks; white space is a single space.
std::string plain(const Option& option, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t begin = text.find('`');
    out += text.substr(0, begin);
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin + 1);
    const std::string_view code = text.substr(0, text.find('`'));
    const bool is_literal = kind_of(option, code) == Code::literal;
    out += is_literal ? fmt::format("'{}'", code) : std::string(code);
    text.remove_prefix(code.size() + 1);
  }
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

std::string paragraphs(const Option& option, std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\n\n"), text.size());
    lines += std::string(kTextIndent, ' ') +
             wrapped(plain(option, text.substr(0, end)), kTextIndent) + "\n";
    text.remove_prefix(std::min(end + 2, text.size()));
    if (!text.empty()) lines += "\n";
  }
  return lines;
}

std::string whole_text(const Option& option) {
  std::string first = first_sentence(option);
  if (option.words.empty()) {
    if (!option.details.empty()) first += ' ' + std::string(option.details);
    return paragraphs(option, first);
  }
  std::string text = paragraphs(option, first);
  std::size_t width = 0;
  for (const Word& word : option.words) width = std::max(width, word.name.size());
  for (const Word& word : option.words) {
    text += row(std::string(kTextIndent + 2, ' ') + std::string(word.name),
                plain(option, meaning_of(option, word)), kTextIndent + width + 4);
  }
  return text + paragraphs(option, option.details);
}

std::string list_of(const std::vector<const Option*>& options, bool is_whole) {
  std::string text;
  for (const Option* const option : options) {
    const std::string heading = "  " + heading_of(*option);
    text += is_whole ? heading + "\n" + whole_text(*option) + "\n"
                     : row(heading, short_text(*option), kIndent);
  }
  if (is_whole && !text.empty()) text.pop_back();
  return text;
}

bool has_rare(const Command& command) {
  const auto options = options_of(command);
  return std::any_of(options.begin(), options.end(),
                     [](const Option* option) { return option->is_rare; });
}

// What fits a screen is one list, without what is rarely wanted.
std::string lists_of(const Command& command, bool is_whole) {
  const bool is_one_list = !is_whole && has_rare(command);
  std::string text;
  const auto arguments = arguments_of(command);
  if (!arguments.empty())
    text += (is_whole ? "\nArguments:\n" : "\n") + list_of(arguments, is_whole);
  bool is_first = true;
  for (const OptionGroup& group : command.groups) {
    std::vector<const Option*> options;
    for (const Option& option : group.options) {
      if (!option.name.empty() && (is_whole || !option.is_rare)) options.push_back(&option);
    }
    if (options.empty()) continue;
    if (!is_one_list || is_first) {
      const bool has_title = !is_one_list && !group.title.empty();
      text += fmt::format("\n{}:\n", has_title ? group.title : "Options");
    }
    is_first = false;
    text += list_of(options, is_whole);
  }
  return text;
}

std::string list_of_commands(const std::vector<Command>& commands) {
  constexpr std::size_t kNames = 14;
  std::string text = "\nCommands:\n";
  for (const Command& command : commands) {
    if (command.name.empty() || command.is_hidden) continue;
    text += row("  " + std::string(command.name), command.summary, kNames);
  }
  return text + row("  help", "Print a command's help", kNames);
}

std::string help_of(const Command& command, const std::vector<Command>& commands, bool is_whole) {
  std::string text = fmt::format("Usage: {}\n{}\n", usage_of(command), command.summary);
  if (command.name.empty()) {
    return text + (is_whole ? lists_of(command, false) : "") + list_of_commands(commands) +
           "\nSee mtrace help COMMAND and man mtrace for more.\n";
  }
  text += lists_of(command, is_whole);
  const std::string more =
      is_whole ? ""
               : fmt::format("mtrace {} --help for {}, and ", command.name,
                             has_rare(command)
                                 ? fmt::format("all {} options", options_of(command).size())
                                 : "more");
  return text + fmt::format("\nSee {}man mtrace-{} for examples.\n", more, command.name);
}

}  // namespace

std::string short_help(const Command& command, const std::vector<Command>& commands) {
  return help_of(command, commands, false);
}

std::string whole_help(const Command& command, const std::vector<Command>& commands) {
  return help_of(command, commands, true);
}

std::string usage_of(const Command& command) {
  if (command.name.empty()) return "mtrace COMMAND [OPTIONS]";
  std::string usage = shown_name(command) + " [OPTIONS]";
  for (const Option* const argument : arguments_of(command)) {
    if (argument->completion == Completion::program) usage += " [--]";
    const std::string name =
        fmt::format("{}{}", argument->value, is_repeatable(*argument) ? "..." : "");
    usage += argument->is_required ? " " + name : fmt::format(" [{}]", name);
  }
  for (const Option* const option : options_of(command)) {
    if (!option->is_required) continue;
    const std::string name =
        option->letter == '\0' ? shown_name(*option) : std::string{'-', option->letter};
    usage += fmt::format(" {} {}", name, option->value);
  }
  return usage;
}

Code kind_of(const Option& option, std::string_view code) {
  const std::size_t equals = option.value.find('=');
  const bool is_half =
      equals != std::string_view::npos &&
      (code == option.value.substr(0, equals) || code == option.value.substr(equals + 1));
  if (code == option.value || is_half) return Code::value;
  if (code.starts_with('-') && code.size() > 1) return Code::option;
  if (code.starts_with('$')) return Code::variable;
  if (code.ends_with("()")) return Code::function;
  const bool is_page = code.size() > 3 && code.ends_with(')') && code[code.size() - 3] == '(' &&
                       std::isdigit(static_cast<unsigned char>(code[code.size() - 2])) != 0;
  return is_page ? Code::page : Code::literal;
}

std::string first_sentence(const Option& option) {
  std::string sentence(option.summary);
  if (!option.words.empty()) return sentence + ":";
  sentence += ".";
  const std::string value = default_of(option);
  if (value.empty()) return sentence;
  const bool is_number = std::holds_alternative<std::uint32_t*>(option.into);
  const char* const mark = is_number ? "" : "`";
  return sentence + fmt::format(" The default is {}{}{}.", mark, value, mark);
}

std::string meaning_of(const Option& option, const Word& word) {
  const bool is_default = !option.is_required && word.name == default_of(option);
  return fmt::format("{}{}", word.meaning, is_default ? " (the default)" : "");
}

}  // namespace memtrace
