#include "cli/traced_command.hpp"

#include <algorithm>

namespace memtrace {
namespace {

// What no word of a command line holds.
constexpr char kEnd = '\0';

bool takes_next_word(const CLI::App& command, const std::string& word) {
  const CLI::Option* const option = command.get_option_no_throw(word);
  return option != nullptr && option->get_items_expected_max() > 0;
}

// The first word that is neither an option of `command` nor an option's value.
std::size_t first_plain_word(const CLI::App& command, const std::vector<std::string>& words) {
  std::size_t index = 1;
  while (index < words.size() && words[index].size() > 1 && words[index].starts_with('-')) {
    if (words[index] == "--") break;
    index += takes_next_word(command, words[index]) ? 2U : 1U;
  }
  return std::min(index, words.size());
}

}  // namespace

void join_traced_command(const CLI::App& program, std::vector<std::string>& words) {
  if (words.empty() || words.front() != "run") return;
  const std::size_t begin = first_plain_word(*program.get_subcommand("run"), words);
  if (begin == words.size()) return;
  std::string joined;
  for (std::size_t i = begin + (words[begin] == "--" ? 1 : 0); i < words.size(); ++i) {
    joined += words[i] + kEnd;
  }
  words.resize(begin);
  if (joined.empty()) return;
  words.emplace_back("--");
  words.push_back(joined);
}

std::vector<std::string> split_traced_command(const std::string& joined) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < joined.size(); begin += words.back().size() + 1) {
    words.push_back(joined.substr(begin, joined.find(kEnd, begin) - begin));
  }
  return words;
}

}  // namespace memtrace
