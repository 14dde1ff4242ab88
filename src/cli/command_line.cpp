#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
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

bool is_option(std::string_view word) {
  return word.size() > 1 && word.front() == '-';
}

// "--limit=5": "--limit".
std::string without_value(const std::string& word) {
  return word.substr(0, word.find('='));
}

// "--limit" or "-n", and nothing behind it.
const Option* option_of(const Command& command, const std::string& word) {
  for (const Option* const option : options_of(command)) {
    if (word == shown_name(*option) || word == std::string{'-', option->letter}) return option;
  }
  return nullptr;
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

struct Words {
  std::vector<Given> given;
  std::vector<std::string> others;  // as they follow each other, with the first "--"
};

// CLI11 reads "--text=" as "--text". This is the empty value there: no word holds a NUL.
constexpr char kNothing = '\0';

std::string as_typed(std::string word) {
  if (word.ends_with(kNothing)) word.pop_back();
  return word;
}

void add_option(CLI::App& app, const Option& option) {
  const std::string name = shown_name(option);
  const std::string letter = option.letter == '\0' ? name : std::string{'-', option.letter};
  // A flag's value, where none is typed, is the name that is.
  CLI::Option* const added = is_flag(option)
                                 ? app.add_flag(fmt::format("{0}{{{0}}},{1}{{{1}}}", letter, name))
                                 : app.add_option(letter + "," + name);
  added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

bool takes_program(const Command& command) {
  const std::vector<const Option*> arguments = arguments_of(command);
  return !arguments.empty() && arguments.back()->completion == Completion::program;
}

// Tells options from other words. Arguments are no concern of CLI11's, which splits one like
// "[a,b]". Behind the command and behind the program of `run`, no word is an option.
Words split_words(const Command& command, const std::vector<std::string>& words) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.prefix_command(command.name.empty() || takes_program(command));
  for (const Option* const option : options_of(command)) add_option(app, *option);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  for (std::string& word : reversed) {
    if (word.starts_with("--") && word.find('=') == word.size() - 1) word += kNothing;
  }
  try {
    app.parse(reversed);
  } catch (const CLI::ArgumentMismatch&) {
    const std::string& last = words.back();
    const Option* const option =
        option_of(command, last.starts_with("--") ? last : std::string{'-', last.back()});
    refuse(command, fmt::format("{} needs a value: {}", shown_name(*option), option->value));
  }
  Words split;
  for (const CLI::Option* const parsed : app.get_options()) {
    const Option* const option = option_of(command, parsed->get_name());
    for (const std::string& value : parsed->results()) {
      if (is_flag(*option) && option_of(command, value) != option) {
        refuse(command, shown_name(*option) + " takes no value");
      }
      split.given.push_back({option, as_typed(value)});
    }
  }
  for (const std::string& word : app.remaining()) split.others.push_back(as_typed(word));
  return split;
}

[[noreturn]] void refuse_unknown(const Commands& commands, const Command& command,
                                 const std::vector<std::string>& words, const std::string& word) {
  // CLI11 goes on behind the flag of "-f3" as if there was "-3".
  for (const std::string& whole : words) {
    if (whole == word) break;
    if (!is_option(whole) || !whole.ends_with(word.substr(1))) continue;
    refuse(command, fmt::format("unknown option '{}' in '{}'", word.substr(0, 2), whole));
  }
  refuse_option(commands, command, without_value(word));
}

// What is left over are arguments too many.
Words read_words(const Commands& commands, const Command& command,
                 const std::vector<std::string>& words) {
  Words split = split_words(command, words);
  const std::vector<const Option*> arguments = arguments_of(command);
  auto argument = arguments.begin();
  bool only_arguments = false;
  for (const std::string& word : std::exchange(split.others, {})) {
    if (!only_arguments && word == "--") {
      only_arguments = true;
    } else if (!only_arguments && is_option(word)) {
      refuse_unknown(commands, command, words, word);
    } else if (argument == arguments.end()) {
      split.others.push_back(word);
    } else {
      split.given.push_back({*argument, word});
      only_arguments = only_arguments || takes_program(command);
      if (!is_repeatable(**argument)) ++argument;
    }
  }
  return split;
}

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
    throw Error(fmt::format("'{}' is an invalid number", text));
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

void fill_in(const Command& command, const Words& words) {
  if (!words.others.empty()) {
    std::vector<std::string_view> names;
    for (const Option* const argument : arguments_of(command)) names.push_back(argument->value);
    refuse(command, fmt::format("'{}' is one argument too many: {} takes {}{}",
                                words.others.front(), shown_name(command), fmt::join(names, " "),
                                command.name == "top" ? ", mtrace diff compares two" : ""));
  }
  for (const auto& [option, value] : words.given) {
    try {
      fill_in(*option, value);
    } catch (const Error& error) {
      refuse(command, fmt::format("{}: {}", shown_name(*option), error.what()));
    }
  }
  check_together(command, words.given);
  check_required(command, words.given);
}

// --- what stands before the command ---

// An option that stands in the wrong place, or none.
[[noreturn]] void refuse_before_command(const Commands& commands,
                                        const std::vector<std::string>& words,
                                        const std::string& option) {
  const std::string name = without_value(option);
  for (const std::string& word : words) {
    const Command* const command = command_called(commands, word);
    if (command == nullptr) continue;
    if (option_of(*command, name) == nullptr) refuse_option(commands, *command, name);
    refuse(*command, fmt::format("unknown option '{}': it stands behind the command, as in {} {}",
                                 name, shown_name(*command), name));
  }
  refuse_option(commands, commands.front(), name);
}

// The version comes before help, and of -h and --help the last counts.
CommandLine::Asks asked_by(const std::vector<Given>& given, CommandLine::Asks before) {
  using enum CommandLine::Asks;
  for (const auto& [option, value] : given) {
    if (option->name == "version") return for_version;
    if (option->name == "help") before = value == "-h" ? for_help : for_whole_help;
  }
  return before;
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
  const Command& program = commands.front();
  const auto [options, others] = split_words(program, words);
  CommandLine line{&program, asked_by(options, to_run)};
  if (line.asks == for_version || (others.empty() && line.asks != to_run)) return line;
  if (others.empty()) {
    refuse(program, "which command? run traces a program, top shows a snapshot, diff compares two");
  }
  const std::string& name = others.front();
  if (is_option(name)) refuse_before_command(commands, others, name);
  line.command = command_called(commands, name);
  if (line.command == nullptr) {
    refuse(program, fmt::format("unknown command '{}'{}", name, command_hint(commands, name)));
  }
  const Words rest = read_words(commands, *line.command, {others.begin() + 1, others.end()});
  line.asks = asked_by(rest.given, line.asks);
  if (line.asks == to_run) fill_in(*line.command, rest);
  return line;
}

}  // namespace memtrace
