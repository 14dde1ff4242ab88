#include "render/name_pieces.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace memtrace {
namespace {

constexpr std::string_view kAnonymous = "(anonymous namespace)";
constexpr std::string_view kOperator = "operator";
// Deeper than any name that a compiler makes.
constexpr int kDeepest = 200;
// Longer ones before those that they begin with.
constexpr auto kOperatorSigns = std::to_array<std::string_view>(
    {"<=>", "<<=", ">>=", "->*", "()", "[]", "<<", ">>", "<=", ">=", "->", "<", ">"});

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

class Parser {
 public:
  explicit Parser(std::string_view name) : name_(name) {}

  // Nothing where the brackets do not match.
  std::optional<Pieces> parse() {
    Pieces pieces;
    if (!parse_until('\0', pieces) || at_ != name_.size()) return std::nullopt;
    return pieces;
  }

 private:
  [[nodiscard]] std::string_view rest() const { return name_.substr(at_); }

  void take(Pieces& pieces, std::size_t size) {
    if (pieces.empty() || pieces.back().open != '\0') pieces.emplace_back();
    pieces.back().text += rest().substr(0, size);
    last_ = rest()[size - 1];
    at_ += size;
  }

  // Up to `end`, which stays; commas stay, too.
  // NOLINTNEXTLINE(misc-no-recursion): kDeepest
  bool parse_until(char end, Pieces& pieces) {
    while (at_ < name_.size()) {
      const char c = name_[at_];
      if (c == end || (c == ',' && (end == '>' || end == ')'))) return true;
      if (!parse_piece(c, pieces)) return false;
    }
    return end == '\0';
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  bool parse_piece(char c, Pieces& pieces) {
    if (is_name_character(c)) {
      take_word(pieces);
      return true;
    }
    if (rest().starts_with("[abi:")) {
      const std::size_t end = rest().find(']');
      if (end == std::string_view::npos) return false;
      at_ += end + 1;
      return true;
    }
    if (rest().starts_with(kAnonymous)) {
      take(pieces, kAnonymous.size());
      return true;
    }
    if (c == '<' || c == '(' || c == '[' || c == '{') return parse_brackets(c, pieces);
    if (c == ')' || c == ']' || c == '}') return false;
    take(pieces, rest().starts_with("->") ? 2 : 1);
    return true;
  }

  void take_word(Pieces& pieces) {
    std::size_t size = 0;
    while (size < rest().size() && is_name_character(rest()[size])) ++size;
    const bool is_operator = rest().substr(0, size) == kOperator;
    take(pieces, size);
    if (!is_operator) return;
    const auto sign = std::ranges::find_if(
        kOperatorSigns, [&](std::string_view each) { return rest().starts_with(each); });
    if (sign == kOperatorSigns.end()) return;
    take(pieces, sign->size());
    // "operator< <int>"
    if (rest().starts_with(" <")) ++at_;
    last_ = 'x';
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  bool parse_brackets(char open, Pieces& pieces) {
    if (++depth_ > kDeepest) return false;
    Piece brackets;
    brackets.open = open;
    // Elsewhere it stands for a name: "outer.<locals>", "<A as B>::c".
    brackets.is_arguments = open == '<' && (is_name_character(last_) || last_ == '}');
    ++at_;
    last_ = open;
    while (true) {
      Pieces part;
      if (!parse_until(closing(open), part) || at_ == name_.size()) return false;
      brackets.parts.push_back(std::move(part));
      if (name_[at_++] != ',') break;
      while (rest().starts_with(' ')) ++at_;
      last_ = ',';
    }
    last_ = closing(open);
    pieces.push_back(std::move(brackets));
    --depth_;
    return true;
  }

  std::string_view name_;
  std::size_t at_ = 0;
  int depth_ = 0;
  char last_ = '\0';  // that was taken
};

}  // namespace

std::optional<Pieces> parse_name(std::string_view name) {
  return Parser(name).parse();
}

}  // namespace memtrace
