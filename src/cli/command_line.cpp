#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "base/suggestion.hpp"

namespace memtrace {
namespace {

// What other tools call what ours do.
constexpr auto kOtherNames = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"add", "merge"},
    {"combine", "merge"},
    {"compare", "diff"},
    {"exec", "run"},
    {"record", "run"},
    {"report", "top"},
    {"show", "top"},
    {"stats", "top"},
    {"summary", "top"},
    {"table", "top"},
    {"trace", "run"},
    {"tree", "top"},
});

std::string shown_name(const CLI::App& program, const CLI::App& command) {
  return &command == &program ? "mtrace" : "mtrace " + command.get_name();
}

std::vector<std::string> command_names(const CLI::App& program) {
  std::vector<std::string> names = {"help"};
  for (const CLI::App* const command : program.get_subcommands({}))
    names.push_back(command->get_name());
  return names;
}

std::vector<std::string> long_options(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* const option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

bool is_file(const std::string& word) {
  std::error_code error;
  return std::filesystem::is_regular_file(word, error);
}

std::string did_you_mean(const std::string& meant) {
  return meant.empty() ? meant : fmt::format(", did you mean '{}'?", meant);
}

// Behind "unknown command '...'".
std::string command_hint(const CLI::App& program, const std::string& word) {
  if (is_file(word)) {
    const bool is_program = access(word.c_str(), X_OK) == 0;
    return fmt::format(", did you mean 'mtrace {} {}'?", is_program ? "run --" : "top", word);
  }
  if (word == "python" || word == "python3") return ", did you mean 'mtrace run -- python3'?";
  const auto other = std::find_if(kOtherNames.begin(), kOtherNames.end(),
                                  [&](const auto& name) { return name.first == word; });
  if (other != kOtherNames.end()) return did_you_mean(std::string(other->second));
  return did_you_mean(nearest(word, command_names(program)));
}

// "-v" where there is "-V".
std::string other_case(const CLI::App& command, const std::string& word) {
  if (word.size() != 2 || std::isalpha(static_cast<unsigned char>(word[1])) == 0) return {};
  std::string other = word;
  other[1] = static_cast<char>(other[1] ^ ('a' ^ 'A'));
  return command.get_option_no_throw(other) != nullptr ? other : std::string();
}

// Behind "unknown option '...'": one that is meant, or the command that has it.
std::string option_hint(const CLI::App& program, const CLI::App& command, const std::string& word) {
  if (command.get_option_no_throw(word) != nullptr) {
    return fmt::format(": it stands behind the command, as in mtrace {} {}", command.get_name(),
                       word);
  }
  const std::string same_letter = other_case(command, word);
  if (!same_letter.empty()) return did_you_mean(same_letter);
  std::string of_commands;
  for (const CLI::App* const other : program.get_subcommands({})) {
    if (other->get_option_no_throw(word) == nullptr) continue;
    if (&command == &program) return ": options stand behind the command";
    of_commands += (of_commands.empty() ? "" : ", ") + other->get_name();
  }
  const std::string meant = nearest(word, long_options(command));
  if (!meant.empty() || of_commands.empty()) return did_you_mean(meant);
  return ": it is one of mtrace " + of_commands;
}

std::string arguments_of(const CLI::App& command) {
  std::string names;
  for (const CLI::Option* const option : command.get_options()) {
    if (option->get_positional()) names += (names.empty() ? "" : " ") + option->get_name();
  }
  return names;
}

// The first word that the parser had no use for, without the value behind '='; of a traced command,
// which is one to the parser, the first, too.
std::string unused_word(const CLI::App& program) {
  const std::vector<std::string> unused = program.remaining(true);
  if (unused.empty()) return {};
  return unused.front().substr(0, unused.front().find_first_of(std::string_view("=\0", 2)));
}

std::string unused_word_error(const CLI::App& program, const std::string& word) {
  const CLI::App& command = given_command(program);
  if (word.starts_with('-')) {
    return fmt::format("unknown option '{}'{}", word, option_hint(program, command, word));
  }
  if (&command == &program) {
    return fmt::format("unknown command '{}'{}", word, command_hint(program, word));
  }
  const std::string name = command.get_name();
  return fmt::format("'{}' is one argument too many: mtrace {} takes {}{}", word, name,
                     arguments_of(command), name == "top" ? ", mtrace diff compares two" : "");
}

// "AFTER is required", and what that is.
std::string required_error(const CLI::App& command, const std::string& message) {
  for (const CLI::Option* const option : command.get_options()) {
    if (message != CLI::RequiredError(option->get_name()).what()) continue;
    std::string what = option->get_description();
    if (what.empty()) return message;
    what[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(what[0])));
    return fmt::format("{}: {}", message, what);
  }
  return message;
}

// What the parser says of a value, in our words; its own where it says something else.
std::string value_error(const std::string& message) {
  constexpr std::string_view kNotConverted = "Could not convert: ", kMissing = ": 1 required ";
  constexpr std::string_view kNoValue = " was given a disallowed flag override";
  if (message.ends_with(kNoValue)) {
    const std::string name = message.substr(0, message.size() - kNoValue.size());
    return fmt::format("{}{} takes no value", name.size() == 1 ? "-" : "--", name);
  }
  const std::size_t equals = message.find(" = ");
  if (message.starts_with(kNotConverted) && equals != std::string::npos) {
    const std::size_t begin = kNotConverted.size();
    return fmt::format("{}: '{}' is no number that it can be",
                       message.substr(begin, equals - begin), message.substr(equals + 3));
  }
  const std::size_t missing = message.find(kMissing);
  if (missing == std::string::npos) return message;
  const std::string_view rest = std::string_view(message).substr(missing + kMissing.size());
  return fmt::format("{} needs a value: {}", message.substr(0, missing),
                     rest.substr(0, rest.find(' ')));
}

// The first letter behind flags of the command that is no option of it; '\0' where there is none.
char unknown_letter(const CLI::App& command, const std::string& word) {
  if (word.size() < 3 || word[0] != '-' || word[1] == '-') return '\0';
  for (std::size_t i = 1; i < word.size(); ++i) {
    const CLI::Option* const option = command.get_option_no_throw(std::string("-") + word[i]);
    if (option == nullptr) return i == 1 ? '\0' : word[i];
    if (option->get_items_expected_max() > 0) return '\0';
  }
  return '\0';
}

}  // namespace

std::string letters_error(const CLI::App& program, const std::vector<std::string>& words) {
  for (const CLI::App* const command : program.get_subcommands({})) {
    if (words.empty() || command->get_name() != words.front()) continue;
    for (const std::string& word : words) {
      if (word == "--") break;
      const char letter = unknown_letter(*command, word);
      if (letter == '\0') continue;
      return fmt::format("unknown option '-{}' in '{}' (see {} --help)", letter, word,
                         shown_name(program, *command));
    }
  }
  return {};
}

const CLI::App& given_command(const CLI::App& program) {
  const auto given = program.get_subcommands();
  return given.empty() ? program : *given.front();
}

std::string unknown_command(const CLI::App& program) {
  const std::string word = unused_word(program);
  const bool is_option = word.starts_with('-');
  return program.get_subcommands().empty() && !is_option ? word : std::string();
}

std::string unknown_option(const CLI::App& program) {
  for (const std::string& word : program.remaining(true)) {
    if (word.size() > 1 && word.starts_with('-')) return word.substr(0, word.find('='));
  }
  return {};
}

std::string unknown_option_error(const CLI::App& program, const std::string& word) {
  return fmt::format("{} (see {} --help)", unused_word_error(program, word),
                     shown_name(program, given_command(program)));
}

std::string usage_error(const CLI::App& program, const CLI::ParseError& error) {
  const CLI::App& command = given_command(program);
  const bool is_required = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  const bool is_unused = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const std::string word = unused_word(program);
  std::string message = value_error(error.what());
  // An option that nobody knows says more than that a word is missing.
  if ((is_required || is_unused) && !word.empty()) {
    message = unused_word_error(program, word);
  } else if (is_required) {
    message = required_error(command, message);
  }
  return fmt::format("{} (see {} --help)", message, shown_name(program, command));
}

std::string unknown_command_error(const CLI::App& program, const std::string& word) {
  return fmt::format("unknown command '{}'{} (see mtrace --help)", word,
                     command_hint(program, word));
}

std::string no_command_error() {
  return "which command? run traces a program, top shows a snapshot, diff compares two (see mtrace "
         "--help)";
}

}  // namespace memtrace
