#include "render/location.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "render/escape.hpp"

namespace memtrace {
namespace {

// A function's name that is cut to less than this says nothing any more.
constexpr std::size_t kShortestFunction = 8;

std::string_view prefix_at(std::string_view directory, std::size_t width) {
  const std::string_view fitting = prefix_of_width(directory, width);
  return fitting.substr(0, fitting.rfind('/') + 1);  // npos + 1 is 0: nothing
}

std::string_view suffix_at(std::string_view directory, std::size_t width) {
  std::string_view fitting = suffix_of_width(directory, width);
  fitting.remove_prefix(std::min(fitting.find('/'), fitting.size()));
  return fitting;
}

// Whole folders go, from the middle, until it fits; the last component goes last, from its front.
std::string shortened_path(const std::string& path, const std::string& position,
                           std::size_t width) {
  const std::string whole = path + position;
  if (display_width(whole) <= width) return whole;
  const std::size_t slash = std::min(path.rfind('/'), path.size());
  const std::string_view directory = std::string_view(path).substr(0, slash);
  const std::string_view last = std::string_view(whole).substr(slash == path.size() ? 0 : slash);
  const std::size_t last_width = display_width(last) + 1;
  if (directory.empty() || last_width > width) {
    return fmt::format("{}{}", kEllipsis, suffix_of_width(whole, width - 1));
  }
  const std::size_t room = width - last_width;
  std::string_view front = prefix_at(directory, room / 2);
  if (front == "/") front = {};  // says nothing
  const std::string_view back = suffix_at(directory, room - display_width(front));
  return fmt::format("{}{}{}{}", front, kEllipsis, back, last);
}

constexpr std::string_view kIn = " in ", kInlined = " (inlined)";

// " in FUNCTION (inlined)", in so many columns unless the style asks for the whole name.
std::string trail_of(const Location& location, std::size_t width, const Style& style) {
  const std::string was = was_words(location);
  const std::string behind = (location.inlined ? std::string(kInlined) : std::string()) + was;
  if (location.function.empty()) return behind;
  const std::size_t others = kIn.size() + behind.size();
  std::string name = escaped(location.function);
  if (!style.full_names) {
    const std::size_t room = width - std::min(width, others);
    if (room < kShortestFunction) return was;
    name = readable_name(name, std::min(room, kWidestName));
  }
  return fmt::format("{}{}{}", kIn, name, behind);
}

std::string text_or(const std::optional<std::string_view>& text, std::string_view otherwise) {
  return std::string(text.value_or(otherwise));
}

constexpr std::int64_t kLargestFile = std::int64_t{4} << 20;
constexpr std::size_t kLongestLine = 1024;

bool is_readable_kind(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size <= kLargestFile;
}

// Looked at before it is opened, because opening a device may already do something, and again
// afterwards, because it may be another file by then.
std::string read_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !is_readable_kind(status)) return {};
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return {};
  std::string text;
  if (::fstat(file, &status) == 0 && is_readable_kind(status)) {
    text.resize(static_cast<std::size_t>(status.st_size));
    std::size_t filled = 0;
    while (filled < text.size()) {
      const ssize_t got = ::read(file, text.data() + filled, text.size() - filled);
      if (got <= 0) break;
      filled += static_cast<std::size_t>(got);
    }
    text.resize(filled);
  }
  ::close(file);
  return text;
}

std::vector<std::uint32_t> find_line_starts(std::string_view text) {
  std::vector<std::uint32_t> starts;
  for (std::size_t at = 0; at < text.size();) {
    starts.push_back(static_cast<std::uint32_t>(at));
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  return starts;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// "<string>" and its like are names of no file; with a zero byte, the system would see another
// name.
bool may_be_file(std::string_view filename) {
  return !filename.empty() && filename.front() != '<' &&
         filename.find('\0') == std::string_view::npos;
}

constexpr std::string_view kAnonymous = "(anonymous namespace)";
constexpr std::string_view kOperator = "operator";
// Deeper than any name that a compiler makes.
constexpr int kDeepest = 200;
// Longer ones before those that they begin with.
constexpr auto kOperatorSigns = std::to_array<std::string_view>(
    {"<=>", "<<=", ">>=", "->*", "()", "[]", "<<", ">>", "<=", ">=", "->", "<", ">"});

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

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

// What a demangled name consists of. Without "[abi:cxx11]".
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

std::string_view without_prefix(std::string_view path, const std::vector<std::string>& prefixes) {
  std::size_t longest = 0;
  for (std::string_view prefix : prefixes) {
    if (prefix.empty()) continue;
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    const std::size_t size = prefix.size();
    if (path.size() > size + 1 && path.starts_with(prefix) && path[size] == '/') {
      longest = std::max(longest, size + 1);
    }
  }
  return path.substr(longest);
}

Location location_of(const FrameView& frame, GroupBy group_by, const Style& style) {
  const auto shortened = [&](const std::optional<std::string_view>& name) {
    return std::string(without_prefix(name.value_or(kUnknownFilename), style.strip_prefixes));
  };
  Location location;
  if (group_by == GroupBy::module) {
    location.path = shortened(frame.module);
    return location;
  }
  location.path = shortened(frame.filename ? frame.filename : frame.module);
  if (group_by == GroupBy::filename) return location;
  location.inlined = frame.inlined;
  if (frame.offset) {
    location.position = fmt::format("+{:#x}", *frame.offset);
    return location;
  }
  if (group_by == GroupBy::function) {
    location.function = text_or(frame.function, "");
    return location;
  }
  location.function = text_or(frame.function, "");
  location.moved_from = frame.moved_from;
  if (frame.filename) location.position = fmt::format(":{}", frame.lineno);
  return location;
}

std::string was_words(const Location& location) {
  return location.moved_from == 0 ? "" : fmt::format(" (was :{})", location.moved_from);
}

std::string name_of(const Domain& domain) {
  return domain.name.empty() ? fmt::format("domain {}", domain.number) : domain.name;
}

Location location_of(const Report& report, GroupId group, const Style& style,
                     std::vector<FrameView>& frames) {
  const GroupBy group_by = report.selection().group_by;
  if (group_by == GroupBy::domain) {
    frames.clear();
    Location location;
    location.path = name_of(report.domain(group));
    return location;
  }
  report.traceback(group, frames);
  return location_of(frames.empty() ? FrameView() : frames.back(), group_by, style);
}

std::string tracemalloc_name(const FrameView& frame, GroupBy group_by, const Style& style) {
  Location location = location_of(frame, group_by, style);
  if (group_by == GroupBy::filename && frame.filename) location.position = ":0";
  // Without a line, the function is what tells two places of a file apart.
  if (location.position.empty() && !location.function.empty()) {
    location.position = ":" + location.function;
  }
  return location.path + location.position;
}

std::string printed(const Location& location, std::size_t width, const Style& style) {
  const std::string path = escaped(location.path);
  std::string trail = trail_of(location, std::string::npos, style);
  if (width == 0 || style.full_names) return path + location.position + trail;
  const std::size_t path_width = display_width(path) + location.position.size();
  if (path_width + display_width(trail) > width) {
    trail = trail_of(location, std::max(width * 3 / 5, width - std::min(width, path_width)), style);
  }
  const std::size_t last_width = path_width - display_width(path.substr(0, path.rfind('/') + 1));
  const std::size_t trail_width = display_width(trail);
  // "…/" in front of the last component.
  if (trail_width + std::min(last_width + 2, path_width) > width) {
    return shortened_path(path, location.position, width);
  }
  return shortened_path(path, location.position, width - trail_width) + trail;
}

std::string_view SourceLines::line(std::string_view filename, std::uint32_t lineno) {
  if (lineno == 0 || !may_be_file(filename)) return {};
  const File& found = file(filename);
  if (lineno > found.line_starts.size()) return {};
  const std::size_t begin = found.line_starts[lineno - 1];
  const bool last = lineno == found.line_starts.size();
  const std::size_t end = last ? found.text.size() : found.line_starts[lineno];
  return trimmed(std::string_view(found.text).substr(begin, end - begin)).substr(0, kLongestLine);
}

std::string SourceLines::find_text(const std::string& path) const {
  std::string text = read_file(path);
  for (std::string_view rest = path; text.empty() && !folders_.empty() && !rest.empty();) {
    rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
    for (const std::string& folder : folders_) {
      if (text.empty() && !rest.empty()) text = read_file(folder + '/' + std::string(rest));
    }
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
  }
  return text;
}

const SourceLines::File& SourceLines::file(std::string_view filename) {
  const std::string path(filename);
  if (const auto found = files_.find(path); found != files_.end()) return found->second;
  if (cached_ >= kMostCached) {
    files_.clear();
    cached_ = 0;
  }
  File loaded;
  loaded.text = find_text(path);
  if (loaded.text.find('\0') != std::string::npos) loaded.text.clear();
  loaded.line_starts = find_line_starts(loaded.text);
  cached_ += path.size() + loaded.text.size() + 4 * loaded.line_starts.size();
  return files_.emplace(path, std::move(loaded)).first->second;
}

std::string readable_name(std::string_view function, std::size_t width) {
  std::string name(function);
  for (const auto& [from, to] : kInlineNamespaces) replace_all(name, from, to);
  const auto pieces = Parser(name).parse();
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
