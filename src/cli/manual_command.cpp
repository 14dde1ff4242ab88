// The options in the manual pages: mtrace prints them for the build, in the language of mdoc(7).
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "base/file_output.hpp"
#include "cli/command.hpp"
#include "cli/help.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// What stands in a page where the build puts them.
constexpr std::string_view kOptionsHere = ".\\\" options of ", kCommandsHere = ".\\\" commands";

// An argument of a macro.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char character : text) {
    if (character == '\\') {
      out += "\\e";
    } else if (character == '-') {
      out += "\\-";
    } else {
      out += character;
    }
  }
  return out;
}

std::string option_macro(std::string_view code) {
  const std::size_t space = std::min(code.find(' '), code.size());
  const std::string_view word = code.substr(std::min(space + 1, code.size()));
  return fmt::format("Fl {}{}{}", code.substr(1, space - 1), word.empty() ? "" : " Cm ", word);
}

std::string macro_of(const Option& option, std::string_view code) {
  switch (kind_of(option, code)) {
    case Code::option:
      return option_macro(code);
    case Code::value:
      return fmt::format("Ar {}", code);
    case Code::page:
      return fmt::format("Xr {} {}", code.substr(0, code.size() - 3), code[code.size() - 2]);
    case Code::function: {
      const std::string_view name = code.substr(0, code.size() - 2);
      return fmt::format("Fn {}", name.find(' ') == std::string_view::npos
                                      ? std::string(name)
                                      : fmt::format("\"{}\"", name));
    }
    case Code::variable:
      return fmt::format("Ev {}", code.substr(1));
    case Code::literal:
      break;
  }
  return fmt::format("Ql {}", escaped(code));
}

// Text as lines of mdoc: a macro has a line of its own, with the punctuation around it.
class Lines {
 public:
  explicit Lines(const Option& option) : option_(option) {}

  std::string of(std::string_view text) {
    while (!text.empty()) {
      if (text.front() == '`') {
        add_code(text);
      } else if (text.starts_with("\n\n")) {
        end_line();
        lines_ += ".Pp\n";
        text.remove_prefix(2);
      } else {
        add_character(text);
      }
    }
    end_line();
    return std::move(lines_);
  }

 private:
  void end_line() {
    while (line_.ends_with(' ')) line_.pop_back();
    if (!line_.empty()) lines_ += line_ + "\n";
    line_.clear();
  }

  // A sentence begins a line.
  void add_character(std::string_view& text) {
    const char character = text.front() == '\n' ? ' ' : text.front();
    text.remove_prefix(1);
    if (character != ' ') {
      line_ += character == '\\' ? "\\e" : std::string(1, character);
    } else if (line_.ends_with('.')) {
      end_line();
    } else if (!line_.empty()) {
      line_ += ' ';
    }
  }

  void add_code(std::string_view& text) {
    const bool opens = line_.ends_with('(');
    if (opens) line_.pop_back();
    end_line();
    text.remove_prefix(1);
    const std::string_view code = text.substr(0, text.find('`'));
    text.remove_prefix(code.size() + 1);
    std::string line = macro_of(option_, code);
    if (opens) line.insert(line.find(' ') + 1, "( ");
    for (; !text.empty() && std::string_view(".,:;)?").find(text.front()) != std::string_view::npos;
         text.remove_prefix(1)) {
      line += {' ', text.front()};
    }
    lines_ += "." + line + "\n";
  }

  const Option& option_;
  std::string line_, lines_;
};

std::string list_item_of(const Option& option) {
  const std::string value = is_flag(option) ? "" : fmt::format(" Ar {}", option.value);
  const std::string name = fmt::format("Fl -{}{}", option.name, value);
  if (option.letter == '\0') return fmt::format(".It {}\n", name);
  return fmt::format(".It Fl {}{} , {}\n", option.letter, value, name);
}

std::string item_of(const Option& option) {
  std::string first = first_sentence(option);
  Lines lines(option);
  if (option.words.empty()) {
    if (!option.details.empty()) first += ' ' + std::string(option.details);
    return list_item_of(option) + lines.of(first);
  }
  std::string_view widest;
  for (const Word& word : option.words)
    widest = std::max(widest, word.name, [](auto a, auto b) { return a.size() < b.size(); });
  std::string item = list_item_of(option) + lines.of(first);
  item += fmt::format(".Bl -tag -width \"{}\" -compact\n", widest);
  for (const Word& word : option.words) {
    const char* const end = &word == &option.words.back() ? "." : ";";
    item += fmt::format(".It Cm {}\n{}", word.name, lines.of(meaning_of(option, word) + end));
  }
  item += ".El\n";
  return option.details.empty() ? item : item + ".Pp\n" + lines.of(option.details);
}

std::string options_in_mdoc(const Command& command) {
  std::string text;
  for (const OptionGroup& group : command.groups) {
    std::string items;
    for (const Option& option : group.options) {
      if (!option.name.empty()) items += item_of(option);
    }
    if (items.empty()) continue;
    if (!group.title.empty()) text += fmt::format(".Ss {}\n", group.title);
    text += ".Bl -tag -width Ds\n" + items + ".El\n";
  }
  return text;
}

std::string commands_in_mdoc(const std::vector<Command>& commands) {
  std::string text = ".Bl -tag -width \"mtrace-symbolize(1)\"\n";
  for (const Command& command : commands) {
    if (command.name.empty() || command.is_hidden) continue;
    const char* const end = command.summary.ends_with('?') ? "" : ".";
    text += fmt::format(".It Xr mtrace-{} 1\n{}{}\n", command.name, command.summary, end);
  }
  return text + ".El\n";
}

// A line of a page, or what stands in its place.
std::string filled_in(const std::string& line, const std::vector<Command>& commands) {
  if (line == kCommandsHere) return commands_in_mdoc(commands);
  if (line.starts_with(kOptionsHere)) {
    for (const Command& command : commands) {
      if (line.substr(kOptionsHere.size()) == shown_name(command)) return options_in_mdoc(command);
    }
    throw Error("no command: " + line);
  }
  return line + "\n";
}

void print_page(const std::string& path) {
  std::ifstream page(path);
  if (!page) throw Error("it cannot be read").in(path);
  const std::vector<Command> all = commands();
  Output output("-");
  for (std::string line; std::getline(page, line);) output.write(filled_in(line, all));
  output.commit();
}

}  // namespace

Command manual_command() {
  const auto page = std::make_shared<std::string>();
  return {.name = "manual",
          .summary = "Print a manual page with the options that its commands have",
          .groups = {{"",
                      {{.value = "PAGE",
                        .into = page.get(),
                        .summary = "The page, with a comment where options are to be",
                        .completion = Completion::files,
                        .is_required = true}}}},
          .run =
              [page] {
                print_page(*page);
                return kExitDone;
              },
          .is_hidden = true};
}

}  // namespace memtrace
