#include "render/readable_name.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "render/columns.hpp"
#include "render/name_pieces.hpp"

namespace memtrace {
namespace {

constexpr std::string_view kEllipsis = "…";
constexpr auto kInlineNamespaces =
    std::to_array<std::pair<std::string_view, std::string_view>>({{"::__cxx11::", "::"},
                                                                  {"::_V2::", "::"},
                                                                  {"std::__1::", "std::"},
                                                                  {"std::__ndk1::", "std::"}});

// Arguments that nobody writes.
constexpr auto kDefaultArguments =
    std::to_array<std::string_view>({"std::allocator<", "std::char_traits<", "std::less<",
                                     "std::equal_to<", "std::hash<", "std::default_delete<"});

// Templates of characters, whose instances have names of their own.
constexpr auto kOfCharacters = std::to_array<std::string_view>(
    {"string", "string_view", "ios", "istream", "ostream", "iostream", "streambuf", "stringbuf",
     "filebuf", "stringstream", "istringstream", "ostringstream", "fstream", "ifstream", "ofstream",
     "regex"});
constexpr auto kCharacters = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"char", ""}, {"wchar_t", "w"}, {"char8_t", "u8"}, {"char16_t", "u16"}, {"char32_t", "u32"}});

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
  }
}

// How much of a name is left out.
struct Brevity {
  int deepest_arguments;  // arguments of templates that are nested deeper are left out
  bool parameters;        // are shown
};

class Writer {
 public:
  explicit Writer(Brevity brevity) : brevity_(brevity) {}

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the pieces
  std::string write(const Pieces& pieces) {
    std::string out;
    for (const Piece& piece : pieces) {
      if (piece.open == '\0') {
        out += piece.text;
      } else if (piece.is_arguments) {
        append_arguments(out, piece);
      } else {
        append_enclosed(out, piece);
      }
    }
    return out;
  }

 private:
  // NOLINTNEXTLINE(misc-no-recursion)
  std::vector<std::string> written_parts(const Piece& brackets) {
    std::vector<std::string> parts;
    for (const Pieces& part : brackets.parts) {
      std::string text = write(part);
      while (text.ends_with(' ')) text.pop_back();
      parts.push_back(std::move(text));
    }
    return parts;
  }

  static void append_joined(std::string& out, const std::vector<std::string>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) out += ", ";
      out += parts[i];
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  void append_arguments(std::string& out, const Piece& brackets) {
    const int deepest = brevity_.deepest_arguments;
    const bool is_left_out = ++depth_ > deepest;
    // What has a short name needs no ellipsis.
    if (is_left_out) brevity_.deepest_arguments = depth_;
    std::vector<std::string> arguments = written_parts(brackets);
    brevity_.deepest_arguments = deepest;
    --depth_;
    const auto is_default = [](const std::string& argument) {
      return std::ranges::any_of(
          kDefaultArguments, [&](std::string_view begin) { return argument.starts_with(begin); });
    };
    while (arguments.size() > 1 && is_default(arguments.back())) arguments.pop_back();
    if (arguments.size() == 1 && use_own_name(out, arguments.front())) return;
    if (is_left_out) arguments = {std::string(kEllipsis)};
    out += '<';
    append_joined(out, arguments);
    out += '>';
  }

  // "std::basic_string" and "char": "std::string".
  static bool use_own_name(std::string& out, std::string_view argument) {
    constexpr std::string_view kBasic = "std::basic_";
    const auto character =
        std::ranges::find(kCharacters, argument, [](const auto& each) { return each.first; });
    if (character == kCharacters.end()) return false;
    for (const std::string_view name : kOfCharacters) {
      const std::string whole = std::string(kBasic) += name;
      if (!out.ends_with(whole)) continue;
      out.resize(out.size() - whole.size());
      out += "std::";
      out += character->second;
      out += name;
      return true;
    }
    return false;
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  void append_enclosed(std::string& out, const Piece& brackets) {
    const bool is_empty = brackets.parts.size() == 1 && brackets.parts.front().empty();
    out += brackets.open;
    if (brackets.open == '(' && !brevity_.parameters && !is_empty) {
      out += kEllipsis;
    } else {
      append_joined(out, written_parts(brackets));
    }
    out += closing(brackets.open);
  }

  Brevity brevity_;
  int depth_ = 0;
};

// Where the components of a name begin that are not within brackets, but for the first one.
std::vector<std::size_t> component_begins(std::string_view name) {
  std::vector<std::size_t> begins;
  const bool has_scopes = name.find("::") != std::string_view::npos;
  int depth = 0;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const char c = name[at];
    if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
    if ((c == '>' && !name.substr(0, at).ends_with('-')) || c == ')' || c == ']' || c == '}')
      --depth;
    if (depth != 0) continue;
    if (has_scopes && name.substr(at).starts_with("::")) begins.push_back(at++);
    if (!has_scopes && c == '.' && at > 0) begins.push_back(at);
  }
  return begins;
}

// Components go from the middle, the one before the last first.
std::string without_middle(std::string_view name, std::size_t width) {
  const std::vector<std::size_t> begins = component_begins(name);
  if (begins.empty()) return shortened_end(name, width);
  const std::string_view last = name.substr(begins.back());
  std::string_view front;
  for (const std::size_t end : begins) {
    const std::string_view longer = name.substr(0, end);
    if (display_width(longer) + 1 + display_width(last) > width) break;
    front = longer;
  }
  std::string shorter(front);
  shorter += kEllipsis;
  shorter += last;
  return shortened_end(shorter, width);
}

}  // namespace

std::string readable_name(std::string_view function, std::size_t width) {
  std::string name(function);
  for (const auto& [from, to] : kInlineNamespaces) replace_all(name, from, to);
  const auto pieces = parse_name(name);
  if (!pieces) return shortened_end(name, width);
  constexpr int kAll = 1 << 20;
  constexpr std::array kBrevities = {Brevity{kAll, true}, Brevity{2, true},  Brevity{kAll, false},
                                     Brevity{2, false},   Brevity{1, false}, Brevity{0, false}};
  for (const Brevity brevity : kBrevities) {
    name = Writer(brevity).write(*pieces);
    if (display_width(name) <= width) return name;
  }
  return without_middle(name, width);
}

}  // namespace memtrace
