#include "cli/choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/suggestion.hpp"

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
  const CLI::Validator is_choice([choices](std::string& word) { return refusal(word, choices); },
                                 "");
  return app.add_option(names, value, fmt::format("{}: {}", description, fmt::join(choices, ", ")))
      ->check(is_choice)
      ->capture_default_str();
}

}  // namespace memtrace
