#include "analysis/renaming.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace memtrace {
namespace {

constexpr std::string_view kOperator = "operator";
constexpr std::string_view kAnonymous = "(anonymous namespace)";
// Longer ones before those that they begin with.
constexpr auto kOperatorSigns = std::to_array<std::string_view>(
    {"<=>", "<<=", ">>=", "->*", "()", "<<", ">>", "<=", ">=", "->", "<", ">"});

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

// Copies a name piece by piece. An opening bracket takes all up to its closing one with it.
class Copier {
 public:
  Copier(std::string_view name, bool without_parameters)
      : name_(name), without_parameters_(without_parameters) {}

  // False where the brackets do not match.
  bool copy() { return copy_until('\0') && at_ == name_.size(); }

  [[nodiscard]] const std::string& copied() const { return copied_; }
  // Whether arguments were left out of the name itself, not only of its parameters.
  [[nodiscard]] bool is_instance() const { return is_instance_; }

 private:
  // Deeper than any name that a compiler makes.
  static constexpr int kDeepest = 256;

  [[nodiscard]] std::string_view rest() const { return name_.substr(at_); }
  [[nodiscard]] char last() const { return at_ == 0 ? '\0' : name_[at_ - 1]; }

  void take(std::size_t size) {
    copied_ += name_.substr(at_, size);
    at_ += size;
  }

  // Up to `closing`, which stays; '\0' is the end.
  bool copy_until(char closing) {
    while (at_ < name_.size() && name_[at_] != closing) {
      if (!copy_piece()) return false;
    }
    return closing == '\0' || at_ < name_.size();
  }

  bool copy_piece() {
    const char c = name_[at_];
    if (c != '<') is_behind_operator_ = false;
    if (is_name_character(c)) {
      copy_word();
      return true;
    }
    if (c == '<') return begins_arguments() ? skip_arguments() : copy_enclosed('>');
    if (c == '{') return copy_enclosed('}');
    if (c == '[') return copy_enclosed(']');
    if (rest().starts_with(kAnonymous)) {
      take(kAnonymous.size());
      return true;
    }
    if (c == '(') return without_parameters_ && depth_ == 0 ? skip_parameters() : copy_parameters();
    if (c == ')' || c == ']' || c == '}') return false;
    take(rest().starts_with("->") ? 2 : 1);
    return true;
  }

  void copy_word() {
    std::size_t size = 0;
    while (size < rest().size() && is_name_character(rest()[size])) ++size;
    const bool is_operator = rest().substr(0, size) == kOperator;
    take(size);
    if (!is_operator) return;
    for (const std::string_view sign : kOperatorSigns) {
      if (!rest().starts_with(sign)) continue;
      take(sign.size());
      // "operator< <int>"
      if (rest().starts_with(" <")) ++at_;
      is_behind_operator_ = true;
      return;
    }
  }

  // Otherwise it stands where a name would: "<A as B>::c", "x::<impl A>::b", "outer.<locals>".
  bool begins_arguments() {
    const bool behind_operator = is_behind_operator_;
    is_behind_operator_ = false;
    if (behind_operator || is_name_character(last()) || last() == ']' || last() == '}') return true;
    return last() == ':' && !rest().starts_with("<impl ");
  }

  bool skip_arguments() {
    std::string_view before = copied_;
    if (before.ends_with("::")) copied_.resize(before.size() - 2);
    if (depth_ == 0) is_instance_ = true;
    return skip_enclosed();
  }

  // From an opening bracket to behind its closing one. In an expression, '<' and '>' may be less
  // and greater: compilers put parentheses around both sides.
  bool skip_enclosed() {
    std::string open;
    do {
      if (at_ == name_.size()) return false;
      const char c = name_[at_];
      const bool is_compared = last() == ')' && !name_.substr(0, at_).ends_with("operator()") &&
                               !name_.substr(0, at_).ends_with(kAnonymous);
      if (is_name_character(c)) {
        skip_word();
        continue;
      }
      if (c == '(' || c == '[' || c == '{' || (c == '<' && !is_compared)) {
        open += c;
      } else if (c == '>') {
        if (last() != '-' && open.back() == '<') open.pop_back();
      } else if (c == ')' || c == ']' || c == '}') {
        const char expected = c == ')' ? '(' : c == ']' ? '[' : '{';
        if (open.back() != expected) return false;
        open.pop_back();
      }
      ++at_;
    } while (!open.empty());
    return true;
  }

  void skip_word() {
    const std::size_t size = copied_.size();
    const bool behind_operator = is_behind_operator_;
    copy_word();
    is_behind_operator_ = behind_operator;
    copied_.resize(size);
  }

  bool copy_enclosed(char closing) {
    if (++depth_ > kDeepest) return false;
    // The name of an implementation is a name: "<Vec<T> as Clone>::clone".
    take(1);
    if (!copy_until(closing)) return false;
    take(1);
    --depth_;
    return true;
  }

  bool copy_parameters() { return copy_enclosed(')'); }

  // With what a member function says behind them.
  bool skip_parameters() {
    if (!skip_enclosed()) return false;
    for (bool found = true; found;) {
      found = false;
      for (const std::string_view word : {" const", " volatile", " &&", " &"}) {
        if (!rest().starts_with(word)) continue;
        at_ += word.size();
        found = true;
      }
    }
    return true;
  }

  std::string_view name_;
  bool without_parameters_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool is_instance_ = false;
  bool is_behind_operator_ = false;
  std::string copied_;
};

}  // namespace

bool is_below(std::string_view path, std::string_view folder) {
  if (!path.starts_with(folder)) return false;
  return path.size() == folder.size() || folder.ends_with('/') || path[folder.size()] == '/';
}

std::string mapped_filename(std::string_view filename, std::span<const PrefixMap> rules) {
  const auto rule = std::find_if(rules.rbegin(), rules.rend(), [&](const PrefixMap& each) {
    return is_below(filename, each.from);
  });
  if (rule == rules.rend()) return std::string(filename);
  return rule->to + std::string(filename.substr(rule->from.size()));
}

StringId FrameRenaming::Names::operator()(StringId name, TracebackBuilder& builder) {
  if (!rename_ || name == kNone<StringId>) return name;
  if (index_of(name) >= renamed_.size()) renamed_.resize(index_of(name) + 1, kNone<StringId>);
  StringId& renamed = renamed_[index_of(name)];
  if (renamed == kNone<StringId>) {
    renamed = builder.string(rename_(builder.tables().strings[name]));
  }
  return renamed;
}

Frame FrameRenaming::operator()(Frame frame, TracebackBuilder& builder) {
  frame.filename = filename_(frame.filename, builder);
  frame.function = function_(frame.function, builder);
  return frame;
}

std::string without_template_arguments(std::string_view function) {
  if (function.find('<') == std::string_view::npos) return std::string(function);
  Copier whole(function, false);
  if (!whole.copy()) return std::string(function);
  if (!whole.is_instance()) return whole.copied();
  Copier name(function, true);
  return name.copy() ? name.copied() : whole.copied();
}

}  // namespace memtrace
