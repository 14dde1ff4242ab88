// Python's fnmatch, which libc's is not: see Glob in mtrace/selection.hpp.
#include <algorithm>

#include "base/utf8.hpp"
#include "mtrace/selection.hpp"

namespace memtrace {
namespace {

std::u32string decode(std::string_view text) {
  std::u32string code_points;
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    code_points.push_back(next.value);
    text.remove_prefix(next.size);
  }
  return code_points;
}

// Where the `]` stands that closes a set whose content begins at `begin`; npos: it is not closed.
// A `]` right at the beginning, or behind the `!`, belongs to the content.
std::size_t end_of_set(const std::u32string& pattern, std::size_t begin) {
  std::size_t at = begin;
  if (at < pattern.size() && pattern[at] == U'!') ++at;
  if (at < pattern.size() && pattern[at] == U']') ++at;
  return pattern.find(U']', at);
}

}  // namespace

Glob::Glob(std::string_view pattern) : pattern_(pattern) {
  const std::u32string text = decode(pattern);
  std::size_t at = 0;
  while (at < text.size()) {
    const char32_t next = text[at++];
    if (next == U'*') {
      if (tokens_.empty() || tokens_.back().kind != Token::Kind::star) {
        tokens_.push_back({.kind = Token::Kind::star});
      }
    } else if (next == U'?') {
      tokens_.push_back({.kind = Token::Kind::any});
    } else if (next == U'[' && end_of_set(text, at) != std::u32string::npos) {
      at = parse_set(text, at);
    } else {
      tokens_.push_back({.kind = Token::Kind::literal, .literal = next});
    }
  }
}

// `a-z` is a range; a `-` first or last in the set, or right behind a range's end, is itself. A
// range whose ends are the wrong way round holds nothing. fnmatch leaves such ranges out before it
// looks for the `!`: one that comes to the front that way negates too, and if it began a range,
// then the `-` and the range's end stand for themselves.
std::size_t Glob::parse_set(const std::u32string& pattern, std::size_t begin) {
  const std::size_t end = end_of_set(pattern, begin);
  Token token{.kind = Token::Kind::set};
  token.negated = pattern[begin] == U'!';
  token.begin = static_cast<std::uint32_t>(ranges_.size());
  std::size_t at = token.negated ? begin + 1 : begin;
  bool at_front = !token.negated;
  while (at < end) {
    const char32_t first = pattern[at];
    const bool is_range = at + 2 < end && pattern[at + 1] == U'-';
    const char32_t last = is_range ? pattern[at + 2] : first;
    at += is_range ? 3 : 1;
    if (first > last) continue;
    if (at_front && first == U'!') {
      token.negated = true;
      if (is_range) ranges_.insert(ranges_.end(), {{U'-', U'-'}, {last, last}});
    } else {
      ranges_.push_back({first, last});
    }
    at_front = false;
  }
  token.end = static_cast<std::uint32_t>(ranges_.size());
  tokens_.push_back(token);
  return end + 1;
}

bool Glob::matches_one(const Token& token, char32_t code_point) const {
  if (token.kind == Token::Kind::any) return true;
  if (token.kind == Token::Kind::literal) return token.literal == code_point;
  const bool found = std::any_of(
      ranges_.begin() + token.begin, ranges_.begin() + token.end,
      [&](Range range) { return range.first <= code_point && code_point <= range.last; });
  return found != token.negated;
}

// Greedy with one point of return: when a token fails, the last star takes one more code point.
// That is enough, because an earlier star cannot do better. Linear for each star.
bool Glob::matches(std::string_view text) const {
  std::size_t token = 0, star = tokens_.size();
  std::string_view rest = text, rest_at_star;
  for (;;) {
    if (token < tokens_.size() && tokens_[token].kind == Token::Kind::star) {
      star = token++;
      rest_at_star = rest;
      continue;
    }
    if (rest.empty() && token == tokens_.size()) return true;
    if (!rest.empty() && token < tokens_.size()) {
      const CodePoint next = first_code_point(rest);
      if (matches_one(tokens_[token], next.value)) {
        rest.remove_prefix(next.size);
        ++token;
        continue;
      }
    }
    if (star == tokens_.size() || rest_at_star.empty()) return false;
    rest_at_star.remove_prefix(first_code_point(rest_at_star).size);
    rest = rest_at_star;
    token = star + 1;
  }
}

}  // namespace memtrace
