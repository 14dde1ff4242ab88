// A command and its options, described once: the parser, the help, the manual pages and what shells
// complete are made of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace memtrace {

// Exit statuses that scripts may rely on.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFound =
    1;  // what the user had it look for: something grows, or is over budget
inline constexpr int kExitError = 2;

// What a shell completes a value with.
enum class Completion : std::uint8_t {
  nothing,
  files,
  folders,
  processes,  // their ids
  program,    // and all words behind it, which are none of ours
};

// One of the words that a value may be, and what it means there.
struct Word {
  std::string_view name;
  std::string_view meaning;
};

// What the parser fills in; what it holds before is the default. A list takes a value each time
// that the option is given; of all others, the last time counts.
using Target =
    std::variant<std::monostate, bool*, std::uint32_t*, std::string*, std::vector<std::string>*>;

// An option, or an argument. Texts are plain English. In them, backticks enclose what is typed or
// printed: `--option`, the option's own `VALUE`, `page(1)`, `function()`, `$VARIABLE`, any other
// text; an empty line begins a paragraph.
struct Option {
  char letter = '\0';
  std::string_view name = {};   // "group-by"; empty: an argument, which is known by its place
  std::string_view value = {};  // what help calls it, as "KEY"; empty: the option is a flag
  Target into = {};
  // A sentence without its period: what help and shells say.
  std::string_view summary = {};
  // The sentences that follow it in the manual and in the whole help.
  std::string_view details = {};
  std::vector<Word> words = {};     // that the value must be one of
  std::vector<Word> examples = {};  // that shells offer beside
  Completion completion = Completion::nothing;
  bool is_required = false;
  void (*check)(std::string_view value) = nullptr;  // throws Error, without the option's name
  std::string_view excludes = {};                   // the name of another option
  bool is_rare = false;                             // left out of the help that fits a screen
};

// Options that belong together, on one command or on many.
struct OptionGroup {
  std::string_view title;  // empty: those of one command alone
  std::vector<Option> options;
};

struct Command {
  std::string_view name;  // empty: the program itself
  std::string_view summary;
  std::vector<OptionGroup> groups;
  std::function<int()> run = {};  // returns the exit status; throws Error
  bool is_hidden = false;         // from people; scripts of the build use it
};

// The program itself, with the options that stand before a command; then the commands, in the order
// of the help. Each time anew, with the defaults.
std::vector<Command> commands();

std::vector<const Option*> options_of(const Command& command);
std::vector<const Option*> arguments_of(const Command& command);

bool is_flag(const Option& option);
bool is_repeatable(const Option& option);
// "--group-by" or "SNAPSHOT".
std::string shown_name(const Option& option);
// "mtrace" or "mtrace top".
std::string shown_name(const Command& command);
// Empty where there is none worth a word.
std::string default_of(const Option& option);

}  // namespace memtrace
