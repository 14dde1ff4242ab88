// What a demangled name consists of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memtrace {

// A piece of a name: text, or brackets with what is between them.
struct Piece {
  std::string text;
  char open = '\0';           // of brackets
  bool is_arguments = false;  // of a template, between '<' and '>'
  std::vector<std::vector<Piece>> parts = {};
};
using Pieces = std::vector<Piece>;

// ">" for "<".
constexpr char closing(char open) {
  return open == '<' ? '>' : open == '(' ? ')' : open == '[' ? ']' : '}';
}

// Without "[abi:cxx11]". Nothing where the brackets do not match.
std::optional<Pieces> parse_name(std::string_view name);

}  // namespace memtrace
