#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/suggestion.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

using Commands = std::vector<Command>;

[[noreturn]] void refuse(const Command& command, const std::string& message) {
  throw Error(fmt::format("{} (see {} --help)", message, shown_name(command)));
}

const Command* command_called(const Commands& commands, std::string_view name) {
  const auto found = std::find_if(commands.begin() + 1, commands.end(),
                                  [&](const Command& command) { return command.name == name; });
  return found == commands.end() ? nullptr : &*found;
}

const Option* option_named(const Command& command, std::string_view name) {
  for (const Option* const option : options_of(command)) {
    if (option->name == name) return option;
  }
  return nullptr;
}

const Option* option_lettered(const Command& command, char letter) {
  for (const Option* const option : options_of(command)) {
    if (option->letter == letter) return option;
  }
  return nullptr;
}

bool is_option(std::string_view word) {
  return word.size() > 1 && word.front() == '-';
}

// "--limit=5": "--limit".
std::string without_value(const std::string& word) {
  return word.substr(0, word.find('='));
}

// "--limit" or "-n", and nothing behind it.
const Option* option_of(const Command& command, const std::string& word) {
  if (word.starts_with("--")) return option_named(command, word.substr(2));
  return word.size() == 2 ? option_lettered(command, word[1]) : nullptr;
}

// --- what was perhaps meant ---

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

std::string did_you_mean(const std::string& meant) {
  return meant.empty() ? meant : fmt::format(", did you mean '{}'?", meant);
}

bool is_file(const std::string& word) {
  std::error_code error;
  return std::filesystem::is_regular_file(word, error);
}

// Behind "unknown command '...'".
std::string command_hint(const Commands& commands, const std::string& word) {
  if (is_file(word)) {
    const bool is_program = access(word.c_str(), X_OK) == 0;
    return fmt::format(", did you mean 'mtrace {} {}'?", is_program ? "run --" : "top", word);
  }
  if (word == "python" || word == "python3") return ", did you mean 'mtrace run -- python3'?";
  const auto other = std::find_if(kOtherNames.begin(), kOtherNames.end(),
                                  [&](const auto& name) { return name.first == word; });
  if (other != kOtherNames.end()) return did_you_mean(std::string(other->second));
  std::vector<std::string> names = {"help"};
  for (const Command& command : commands) {
    if (!command.is_hidden && !command.name.empty()) names.emplace_back(command.name);
  }
  return did_you_mean(nearest(word, names));
}

// "-v" where there is "-V".
std::string other_case(const Command& command, const std::string& word) {
  if (word.size() != 2 || std::isalpha(static_cast<unsigned char>(word[1])) == 0) return {};
  std::string other = word;
  other[1] = static_cast<char>(other[1] ^ ('a' ^ 'A'));
  return option_of(command, other) == nullptr ? std::string() : other;
}

// Behind "unknown option '...'": one that is meant, or the commands that have it.
std::string option_hint(const Commands& commands, const Command& command, const std::string& word) {
  const std::string same_letter = other_case(command, word);
  if (!same_letter.empty()) return did_you_mean(same_letter);
  std::vector<std::string_view> having;
  for (const Command& other : commands) {
    if (option_of(other, word) != nullptr) having.push_back(other.name);
  }
  if (command.name.empty() && !having.empty()) return ": options stand behind the command";
  std::vector<std::string> names;
  for (const Option* const option : options_of(command)) names.push_back(shown_name(*option));
  const std::string meant = nearest(word, names);
  if (!meant.empty() || having.empty()) return did_you_mean(meant);
  return fmt::format(": it is one of mtrace {}", fmt::join(having, ", "));
}

[[noreturn]] void refuse_option(const Commands& commands, const Command& command,
                                const std::string& word) {
  refuse(command, fmt::format("unknown option '{}'{}", word, option_hint(commands, command, word)));
}

// --- the words of one command ---

// An option or argument, each time that it was given.
struct Given {
  const Option* option;
  std::string value;  // of a flag, how it was typed
};

class Scanner {
 public:
  Scanner(const Commands& commands, const Command& command, std::vector<std::string> words)
      : commands_(commands),
        command_(command),
        words_(std::move(words)),
        arguments_(arguments_of(command)) {}

  void scan() {
    bool only_arguments = false;
    while (next_word_ < words_.size()) {
      const std::string& word = words_[next_word_++];
      if (!only_arguments && word == "--") {
        only_arguments = true;
      } else if (!only_arguments && word.starts_with("--")) {
        scan_name(word);
      } else if (!only_arguments && is_option(word)) {
        scan_letters(word);
      } else {
        scan_argument(word);
      }
    }
  }

  [[nodiscard]] const std::vector<Given>& given() const { return given_; }
  // The first argument that the command has no use for.
  [[nodiscard]] const std::optional<std::string>& unused() const { return unused_; }

 private:
  void take_value(const Option& option, const std::string& name) {
    if (next_word_ == words_.size()) {
      refuse(command_, fmt::format("{} needs a value: {}", name, option.value));
    }
    given_.push_back({&option, words_[next_word_++]});
  }

  void scan_name(const std::string& word) {
    const std::string name = without_value(word);
    const Option* const option = option_of(command_, name);
    if (option == nullptr) refuse_option(commands_, command_, name);
    const bool has_value = name.size() < word.size();
    if (is_flag(*option)) {
      if (has_value) refuse(command_, name + " takes no value");
      given_.push_back({option, name});
    } else if (has_value) {
      given_.push_back({option, word.substr(name.size() + 1)});
    } else {
      take_value(*option, name);
    }
  }

  // "-r", "-n5", "-rn 5".
  void scan_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const Option* const option = option_lettered(command_, word[i]);
      if (option == nullptr && i == 1) refuse_option(commands_, command_, without_value(word));
      if (option == nullptr) {
        refuse(command_, fmt::format("unknown option '-{}' in '{}'", word[i], word));
      }
      if (is_flag(*option)) {
        given_.push_back({option, {'-', word[i]}});
        continue;
      }
      if (i + 1 < word.size()) {
        given_.push_back({option, word.substr(i + 1)});
      } else {
        take_value(*option, shown_name(*option));
      }
      return;
    }
  }

  void scan_argument(const std::string& word) {
    if (next_argument_ == arguments_.size()) {
      if (!unused_) unused_ = word;
      return;
    }
    const Option& argument = *arguments_[next_argument_];
    given_.push_back({&argument, word});
    if (argument.completion == Completion::program) {
      while (next_word_ < words_.size()) given_.push_back({&argument, words_[next_word_++]});
    }
    if (!is_repeatable(argument)) ++next_argument_;
  }

  const Commands& commands_;
  const Command& command_;
  std::vector<std::string> words_;
  std::size_t next_word_ = 0;
  std::vector<const Option*> arguments_;
  std::size_t next_argument_ = 0;
  std::vector<Given> given_;
  std::optional<std::string> unused_;
};

// --- values ---

void check_word(const Option& option, const std::string& value) {
  std::vector<std::string> names;
  for (const Word& word : option.words) names.emplace_back(word.name);
  if (names.empty() || std::find(names.begin(), names.end(), value) != names.end()) return;
  const std::string meant = nearest(value, names);
  if (!meant.empty()) {
    throw Error(fmt::format("'{}' is unknown, did you mean '{}'?", value, meant));
  }
  throw Error(fmt::format("'{}' is none of {}", value, fmt::join(names, ", ")));
}

std::uint32_t parse_number(const std::string& text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || behind != end) {
    throw Error(fmt::format("'{}' is no number that it can be", text));
  }
  return number;
}

void fill_in(const Option& option, const std::string& value) {
  check_word(option, value);
  if (option.check != nullptr) option.check(value);
  if (auto* const* const flag = std::get_if<bool*>(&option.into)) **flag = true;
  if (auto* const* const number = std::get_if<std::uint32_t*>(&option.into)) {
    **number = parse_number(value);
  }
  if (auto* const* const text = std::get_if<std::string*>(&option.into)) **text = value;
  if (auto* const* const list = std::get_if<std::vector<std::string>*>(&option.into)) {
    (*list)->push_back(value);
  }
}

// "AFTER is required", and what that is.
std::string required(const Option& option) {
  std::string what(option.summary);
  what.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(what.front())));
  std::vector<std::string_view> names;
  for (const Word& word : option.words) names.push_back(word.name);
  return fmt::format("{} is required: {}{}{}", shown_name(option), what, names.empty() ? "" : ": ",
                     fmt::join(names, ", "));
}

void check_together(const Command& command, const std::vector<Given>& given) {
  const auto is_given = [&](std::string_view name) {
    return std::any_of(given.begin(), given.end(),
                       [&](const Given& one) { return one.option->name == name; });
  };
  for (const Given& one : given) {
    if (one.option->excludes.empty() || !is_given(one.option->excludes)) continue;
    refuse(command, fmt::format("{} and --{} exclude each other", shown_name(*one.option),
                                one.option->excludes));
  }
}

void check_required(const Command& command, const std::vector<Given>& given) {
  for (const OptionGroup& group : command.groups) {
    for (const Option& option : group.options) {
      const bool is_given = std::any_of(given.begin(), given.end(),
                                        [&](const Given& one) { return one.option == &option; });
      if (option.is_required && !is_given) refuse(command, required(option));
    }
  }
}

void fill_in(const Command& command, const Scanner& scanner) {
  if (scanner.unused()) {
    std::vector<std::string_view> names;
    for (const Option* const argument : arguments_of(command)) names.push_back(argument->value);
    refuse(command, fmt::format("'{}' is one argument too many: {} takes {}{}", *scanner.unused(),
                                shown_name(command), fmt::join(names, " "),
                                command.name == "top" ? ", mtrace diff compares two" : ""));
  }
  for (const auto& [option, value] : scanner.given()) {
    try {
      fill_in(*option, value);
    } catch (const Error& error) {
      refuse(command, fmt::format("{}: {}", shown_name(*option), error.what()));
    }
  }
  check_together(command, scanner.given());
  check_required(command, scanner.given());
}

// --- what stands before the command ---

// An option of the program, or one that stands in the wrong place.
CommandLine::Asks asked_by(const Commands& commands, const std::vector<std::string>& words,
                           const std::string& word) {
  using enum CommandLine::Asks;
  const Option* const option = option_of(commands.front(), word);
  if (option != nullptr && option->name == "version") return for_version;
  if (option != nullptr) return word == "-h" ? for_help : for_whole_help;
  const std::string name = without_value(word);
  for (const std::string& other : words) {
    const Command* const command = command_called(commands, other);
    if (command == nullptr) continue;
    if (option_of(*command, name) == nullptr) refuse_option(commands, *command, name);
    refuse(*command, fmt::format("unknown option '{}': it stands behind the command, as in {} {}",
                                 name, shown_name(*command), name));
  }
  refuse_option(commands, commands.front(), name);
}

// "help [COMMAND]" is "[COMMAND] --help", of which there is one for help itself, too.
void replace_help(std::vector<std::string>& words) {
  const auto other =
      std::find_if(words.begin(), words.end(), [](const auto& word) { return word != "help"; });
  if (other == words.begin()) return;
  words.erase(words.begin(), other);
  const bool has_command = !words.empty() && !is_option(words.front());
  words.insert(words.begin() + (has_command ? 1 : 0), "--help");
}

}  // namespace

CommandLine parse_command_line(const Commands& commands, std::vector<std::string> words) {
  using enum CommandLine::Asks;
  replace_help(words);
  CommandLine line{&commands.front(), to_run};
  auto word = words.begin();
  for (; word != words.end() && is_option(*word); ++word) {
    line.asks = asked_by(commands, words, *word);
    if (line.asks == for_version) return line;
  }
  if (word == words.end() && line.asks != to_run) return line;
  if (word == words.end()) {
    refuse(commands.front(),
           "which command? run traces a program, top shows a snapshot, diff compares two");
  }
  line.command = command_called(commands, *word);
  if (line.command == nullptr) {
    refuse(commands.front(),
           fmt::format("unknown command '{}'{}", *word, command_hint(commands, *word)));
  }
  Scanner scanner(commands, *line.command, {word + 1, words.end()});
  scanner.scan();
  for (const Given& one : scanner.given()) {
    if (one.option->name == "help") line.asks = one.value == "-h" ? for_help : for_whole_help;
  }
  if (line.asks == to_run) fill_in(*line.command, scanner);
  return line;
}

}  // namespace memtrace
