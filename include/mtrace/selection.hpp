// Selects which frames are visible, which blocks count and how they are grouped.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

enum class GroupBy : std::uint8_t { lineno, filename, traceback, function, module, domain };
inline constexpr std::array kGroupBys = {GroupBy::lineno,   GroupBy::filename, GroupBy::traceback,
                                         GroupBy::function, GroupBy::module,   GroupBy::domain};
MTRACE_API std::string_view name_of(GroupBy group_by);

// How the lines of several snapshots are matched: what is one group in all of them.
enum class MatchBy : std::uint8_t {
  line,       // by their numbers, as tracemalloc does
  function,   // the lines of a function are one, shown at the first of them
  automatic,  // by their numbers; a line whose function stayed is followed where its number moved
};
inline constexpr std::array kMatchBys = {MatchBy::line, MatchBy::function, MatchBy::automatic};
// "auto" for the last one.
MTRACE_API std::string_view name_of(MatchBy match);

// A glob of Python's fnmatch over code points: `*` matches anything, even `/`; `?` one code point;
// `[seq]`, `[!seq]`; no escapes; case matters. Compiled once, then matched without allocating.
class MTRACE_API Glob {
 public:
  explicit Glob(std::string_view pattern);
  [[nodiscard]] bool matches(std::string_view text) const;
  [[nodiscard]] const std::string& pattern() const { return pattern_; }

 private:
  struct Range {
    char32_t first, last;
  };
  struct Token {
    enum class Kind : std::uint8_t { star, any, literal, set } kind;
    bool negated = false;              // set
    char32_t literal = 0;              // literal
    std::uint32_t begin = 0, end = 0;  // set: its ranges in ranges_
  };

  std::size_t parse_set(const std::u32string& pattern, std::size_t begin);
  [[nodiscard]] bool matches_one(const Token& token, char32_t code_point) const;

  std::string pattern_;
  std::vector<Token> tokens_;
  std::vector<Range> ranges_;
};

// `GLOB` or `GLOB:LINE`, for file names. A trailing ".pyc" matches as ".py", in pattern and name. A
// folder, which ends in "/" and has no "*", stands for everything below it: "proj/" is "proj/*" or
// "*/proj/*", and "/proj/" is "/proj/*".
class MTRACE_API Pattern {
 public:
  explicit Pattern(std::string_view text);
  [[nodiscard]] bool matches_filename(std::string_view filename) const;
  [[nodiscard]] std::optional<std::uint32_t> lineno() const { return lineno_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  // Without the line.
  [[nodiscard]] const std::string& glob() const { return glob_.pattern(); }

 private:
  static std::string_view split_lineno(std::string_view text, std::optional<std::uint32_t>& lineno);

  std::string text_;
  std::optional<std::uint32_t> lineno_;
  Glob glob_;
  std::vector<Glob> below_;  // of a folder
};

// "FROM=TO": treats files in the folder FROM as files in TO.
struct MTRACE_API PrefixMap {
  std::string from, to;

  // Throws Error if FROM or "=" is missing. FROM ends at the first "=".
  explicit PrefixMap(std::string_view text);
  [[nodiscard]] std::string text() const { return from + '=' + to; }
};

// The defaults select everything, hide nothing but the allocation machinery, and group by line.
struct Selection {
  GroupBy group_by = GroupBy::lineno;
  Metric metric = Metric::live;
  bool cumulative = false;  // count a block once for every group on its traceback
  // Only where snapshots are compared. Patterns with a line see it where it was followed to.
  MatchBy match = MatchBy::line;

  // Names of frames. Applied before all else; if several rules match, the last one applies.
  std::vector<PrefixMap> map_prefixes{};
  // Functions have the same name in all instances of a template (or generic); their frames are
  // grouped and matched by that name.
  bool strip_template_args = false;

  // Which frames are visible. A block with a hidden frame belongs to its nearest visible caller.
  std::vector<Pattern> hide{};
  std::vector<Glob> hide_function{};
  std::vector<Glob> hide_module{};
  bool mine = false;        // hide system code, standard libraries and installed packages
  bool raw_frames = false;  // show the allocation machinery's frames (malloc, operator new)

  // Which blocks count. Patterns match visible frames: the most recent one, or any.
  std::vector<Pattern> include{};  // one must match; empty: every block does
  std::vector<Pattern> exclude{};  // none may match
  std::vector<Glob> function{};    // one must match; empty: every block does
  std::vector<Glob> module{};      // the same
  bool all_frames = false;
  std::optional<std::string> domain{};  // a number or a name
};

// Throws Error for meaningless combinations (cumulative by traceback or domain).
MTRACE_API void validate(const Selection& selection);

}  // namespace memtrace
