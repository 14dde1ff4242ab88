#include "mtrace/selection.hpp"

#include <algorithm>
#include <charconv>

#include "base/utf8.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// Python compiles "x.py" to "x.pyc": both name the same source.
std::string_view without_c_of_pyc(std::string_view filename) {
  return filename.ends_with(".pyc") ? filename.substr(0, filename.size() - 1) : filename;
}

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

std::string_view name_of(GroupBy group_by) {
  switch (group_by) {
    case GroupBy::lineno:
      return "lineno";
    case GroupBy::filename:
      return "filename";
    case GroupBy::traceback:
      return "traceback";
    case GroupBy::function:
      return "function";
    case GroupBy::module:
      return "module";
    case GroupBy::domain:
      return "domain";
  }
  return "";
}

std::string_view name_of(MatchBy match) {
  switch (match) {
    case MatchBy::line:
      return "line";
    case MatchBy::function:
      return "function";
    case MatchBy::automatic:
      return "auto";
  }
  return "";
}

Pattern::Pattern(std::string_view text)
    : text_(text), glob_(without_c_of_pyc(split_lineno(text, lineno_))) {
  std::string folder = glob_.pattern();
  if (!folder.ends_with('/') || folder.find('*') != std::string::npos) return;
  while (folder.starts_with("./")) folder.erase(0, 2);
  below_.emplace_back(folder + "*");
  if (!folder.starts_with('/')) below_.emplace_back("*/" + folder + "*");
}

// What does not end in a colon and a number that can be a line is all glob.
std::string_view Pattern::split_lineno(std::string_view text,
                                       std::optional<std::uint32_t>& lineno) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return text;
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data() + colon + 1, end, number);
  if (error != std::errc() || parsed_to != end) return text;
  lineno = number;
  return text.substr(0, colon);
}

bool Pattern::matches_filename(std::string_view filename) const {
  const std::string_view name = without_c_of_pyc(filename);
  return glob_.matches(name) ||
         std::ranges::any_of(below_, [&](const Glob& below) { return below.matches(name); });
}

PrefixMap::PrefixMap(std::string_view text)
    : from(text.substr(0, text.find('='))),
      to(text.substr(std::min(from.size() + 1, text.size()))) {
  if (from.empty() || from.size() == text.size()) {
    throw Error("--map-prefix: '" + std::string(text) + "' is not FROM=TO");
  }
}

void validate(const Selection& selection) {
  const GroupBy by = selection.group_by;
  if (selection.cumulative && (by == GroupBy::traceback || by == GroupBy::domain)) {
    throw Error("--cumulative does not go with --group-by " + std::string(name_of(by)) +
                ": each block has just one");
  }
}

// Python's fnmatch, which libc's is not.
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
