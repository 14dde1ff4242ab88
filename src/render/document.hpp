// A report as a document: whatever a command found out, ready for any format to print.
//
// A layout makes it from a report, once; a format prints it and knows nothing of the report. It
// refers to the report and to the names in it, which must outlive it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mtrace/report.hpp"
#include "mtrace/tree.hpp"

namespace memtrace {

enum class Sign : std::uint8_t { negative_only, always };

// How something stands out, where the format has a way to show it.
enum class Emphasis : std::uint8_t { none, strong, quiet, warning, worse, better, by_sign };

// --- what is said in words ---

// A sentence for people. Names that come from a snapshot and sizes are pieces of their own, because
// each format makes names harmless in its own way, and the user chooses how sizes are written.
class Sentence {
 public:
  enum class Kind : std::uint8_t { text, name, size, bytes, exact_bytes };
  struct Piece {
    Kind kind;
    std::string text;  // of a size: its sign
    std::uint64_t size = 0;
  };

  Sentence() = default;
  Sentence(std::string text) { say(std::move(text)); }  // NOLINT(google-explicit-constructor)
  Sentence(const char* text) { say(text); }             // NOLINT(google-explicit-constructor)

  Sentence& say(std::string text) { return add({Kind::text, std::move(text)}); }
  Sentence& join(const Sentence& other) {
    pieces_.insert(pieces_.end(), other.pieces_.begin(), other.pieces_.end());
    return *this;
  }
  // Text that nobody vouches for.
  Sentence& name(std::string_view text) { return add({Kind::name, std::string(text)}); }
  // "1.2 MiB", or "1258291".
  Sentence& size(std::int64_t size, Sign sign = Sign::negative_only) {
    const auto bits = static_cast<std::uint64_t>(size);
    const char* const shown = size < 0 ? "-" : sign == Sign::always ? "+" : "";
    return add({Kind::size, shown, size < 0 ? 0 - bits : bits});
  }
  // "1.2 MiB", or "1258291 bytes".
  Sentence& bytes(std::uint64_t size) { return add({Kind::bytes, {}, size}); }
  // "1.2 MiB (1,258,291 bytes)", or "1258291 bytes".
  Sentence& exact_bytes(std::uint64_t size) { return add({Kind::exact_bytes, {}, size}); }

  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  [[nodiscard]] std::span<const Piece> pieces() const { return pieces_; }

 private:
  Sentence& add(Piece piece) {
    if (piece.kind != Kind::text || !piece.text.empty()) pieces_.push_back(std::move(piece));
    return *this;
  }

  std::vector<Piece> pieces_;
};

// A line above or below the rows.
struct Note {
  // Tables say little unless asked for more; a comment says what is said verbosely.
  enum class When : std::uint8_t { always, briefly, verbosely };

  Sentence text;
  Emphasis emphasis = Emphasis::none;
  std::string_view label{};  // "before": what it is about; the lines about one thing follow another
  bool headline = false;     // the answer in one sentence: a comment begins with it
  bool detail = false;       // left out of a comment
  bool one_line = false;     // cut where the terminal ends
  When when = When::always;
  bool goes_on = false;  // in a table, on the line of the note before
  Sentence shorter{};    // the same in fewer words, for a terminal that is too narrow for the text
};

// --- the same for programs ---

// A member of a JSON object. Few and small: a heading, never rows.
struct Fact {
  using Facts = std::vector<Fact>;
  using Value =
      std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string,
                   std::vector<std::string>, std::vector<std::int64_t>, Facts, std::vector<Facts>>;

  template <class T>
  Fact(std::string_view name, T&& content) : key(name), value(value_of(std::forward<T>(content))) {}

  std::string_view key;
  Value value;

 private:
  template <class T>
  static Value value_of(T&& content) {
    using Content = std::remove_cvref_t<T>;
    if constexpr (requires { content.has_value(); }) {
      return content ? value_of(*content) : Value(nullptr);
    } else if constexpr (std::is_integral_v<Content> && !std::is_same_v<Content, bool>) {
      using Integer = std::conditional_t<std::is_signed_v<Content>, std::int64_t, std::uint64_t>;
      return static_cast<Integer>(content);
    } else if constexpr (std::is_convertible_v<Content, std::string_view> &&
                         !std::is_null_pointer_v<Content>) {
      return std::string(std::string_view(content));
    } else {
      return std::forward<T>(content);
    }
  }
};
using Facts = Fact::Facts;

// --- rows ---

// What the values of a field are, which is how they are written.
enum class Unit : std::uint8_t {
  rank,      // 1, 2, 3, …
  bytes,     // std::int64_t
  blocks,    // std::int64_t
  average,   // Amount: its bytes a block
  percent,   // double
  number,    // double or std::int64_t
  series,    // Course; this one and those below are aligned to the left
  bar,       // double, a part from -1 to 1; only where there is room for it, and never for programs
  verdict,   // Mark
  location,  // Place
  text,      // std::string_view, or a Sentence
};

enum class Role : std::uint8_t {
  value,
  change,  // how much the field before it differs from an earlier one: written with its sign
  former,  // of a location: the lines that it was before
  standard_error,  // of an estimate; on the screen, behind the field that it is shown after
};

// A column of a table, a member of a row in JSON. An empty name leaves it out of that format.
struct Field {
  std::string_view json{}, csv{}, title{};
  std::uint8_t place = 0;  // on the screen, from the left; 0: it is not there
  Unit unit = Unit::text;
  Role role = Role::value;
  Emphasis emphasis = Emphasis::none;
  GroupBy group_by = GroupBy::lineno;  // of a location
  std::size_t least_width = 0;

  // Without a title, it stands in front of the next field, and only where some row has one.
  [[nodiscard]] bool is_mark() const { return unit == Unit::verdict && title.empty(); }
  [[nodiscard]] bool is_left_aligned() const { return unit >= Unit::series; }
  [[nodiscard]] bool has_frames() const {
    return unit == Unit::location && group_by == GroupBy::traceback;
  }
};

// A group of a report. Its frames are only looked up where they are printed.
struct Place {
  const Report* report;
  GroupId group;
};

struct Mark {
  std::string_view name;  // in JSON and CSV
  std::string_view text;  // on the screen, padded to the width of all marks; empty: nothing
  Emphasis emphasis = Emphasis::none;
};

// One number a snapshot: a list, or a line of bars for people.
using Course = std::span<const std::int64_t>;

// std::monostate is not known.
using Cell = std::variant<std::monostate, std::int64_t, double, Amount, std::string_view, Course,
                          Mark, Place, const Sentence*>;
// One cell for each field.
using Row = std::span<const Cell>;
using PrintRow = std::function<void(Row row)>;

// Rows of one kind, with what is said of them.
struct Section {
  std::vector<Note> heading{};
  Facts facts{};

  std::string_view rows_key{};  // the rows' name in JSON; empty: the facts say it all
  std::vector<Field> fields{};
  // A row where a table has no room for its frames: "{size} in {count}: {location}", by titles.
  std::string_view sentence{};
  // Calls its argument with one row after the other, each time that it is called: rows are never
  // held. Nothing to call: no rows.
  std::function<void(const PrintRow& print)> rows{};

  void for_each_row(const PrintRow& print) const {
    if (rows) rows(print);
  }
  [[nodiscard]] bool shows_frames() const {
    return std::ranges::any_of(fields, [](const Field& field) { return field.has_frames(); });
  }
  // Some sections only sum up others for people, and some only have facts.
  [[nodiscard]] bool is_for_people() const {
    return rows || !heading.empty() || !nothing.empty() || !rest.empty() || !footer.empty();
  }
  [[nodiscard]] bool is_for_programs() const { return !facts.empty() || !rows_key.empty(); }
  Sentence nothing{};  // why there are no rows; empty where there are some

  Sentence rest{};  // what accounts for the rows that are not shown
  Facts rest_facts{};
  std::vector<Note> footer{};
};

// A field, and its value in an item of a report.
template <class Item>
struct FieldOf {
  Field field;
  std::function<Cell(const Item& item)> value{};  // not of a rank
};

// Makes every item a row. The items must outlive the section.
template <class Item>
void set_rows(Section& section, const std::vector<Item>& items, std::vector<FieldOf<Item>> fields) {
  for (const FieldOf<Item>& each : fields) section.fields.push_back(each.field);
  section.rows = [&items, own_fields = std::move(fields)](const PrintRow& print) {
    std::vector<Cell> row(own_fields.size());
    std::int64_t rank = 0;
    for (const Item& item : items) {
      ++rank;
      for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = own_fields[i].value ? own_fields[i].value(item) : Cell(rank);
      }
      print(row);
    }
  };
}

// --- what was held to a limit, for formats that CI systems read ---

struct Measurement {
  // One of the rows that made it so, and what is said of it there.
  struct Line {
    Place place;
    Sentence words;
  };

  std::string name;          // of the budget
  std::string_view limit{};  // "max_size"
  std::string measure{};     // "peak size per file"
  std::string_view unit{};   // "bytes"
  std::int64_t value = 0;
  double error = 0;     // two standard errors of it; 0: exact
  double severity = 0;  // its part of the limit; infinite where nothing is allowed
  bool is_over = false;
  Sentence verdict{};  // "peak size: 1.2 MiB, 200 KiB over the limit of 1.0 MiB"
  std::vector<Sentence> details{};
  std::vector<Line> lines{};  // worst first
  std::string file{};         // where the limit is written; empty: on the command line
  std::uint32_t lineno = 0;
};

struct Document {
  std::string_view schema;  // "mtrace.top/1"
  std::string_view title;   // of a comment
  std::vector<Note> heading{};
  Facts facts{};
  // In JSON, several sections are an array of this name; the members of a single one are the
  // document's own where there is no name.
  std::string_view sections_key{};
  std::vector<Section> sections{};
  // The traceback tree, made for a format that needs it. Nothing to call: the report has none.
  std::function<TracebackTree()> tree{};
  // Empty: nothing in it is held to a limit.
  std::vector<Measurement> measurements{};
};

}  // namespace memtrace
