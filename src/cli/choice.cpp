#include "cli/choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "base/suggestion.hpp"

namespace memtrace {
namespace {

// Empty where the word is one of the choices, otherwise what is wrong.
std::string refusal(const std::string& word, const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), word) != choices.end()) return {};
  const std::string meant = nearest(word, choices);
  if (!meant.empty()) return fmt::format("'{}' is unknown, did you mean '{}'?", word, meant);
  return fmt::format("'{}' is none of {}", word, fmt::join(choices, ", "));
}

}  // namespace

CLI::Option* add_choice(CLI::App& app, const std::string& names, std::string& value,
                        const std::vector<std::string>& choices, const std::string& description) {
  // The choices are the validator's name, which the parser keeps and shows nobody.
  const CLI::Validator is_choice([choices](std::string& word) { return refusal(word, choices); },
                                 "", fmt::format("{}", fmt::join(choices, " ")));
  return app.add_option(names, value, fmt::format("{}: {}", description, fmt::join(choices, ", ")))
      ->check(is_choice)
      ->capture_default_str();
}

CLI::Option* offer(CLI::Option* option, const std::vector<std::string>& words) {
  const auto any = [](std::string&) { return std::string(); };
  return option->check(CLI::Validator(any, "", fmt::format("{}", fmt::join(words, " "))));
}

std::vector<std::string> choices_of(const CLI::Option& option) {
  try {
    // The parser only gives validators that may be changed.
    auto& of_the_parser = const_cast<CLI::Option&>(option);
    std::istringstream words(of_the_parser.get_validator(0)->get_name());
    return {std::istream_iterator<std::string>(words), {}};
  } catch (const CLI::OptionNotFound&) {
    return {};
  }
}

}  // namespace memtrace
