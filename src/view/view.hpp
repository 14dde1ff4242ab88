// The view of a snapshot, or of the difference between two: what its keys do and what is seen.
// Without a terminal, so that tests can type and look.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mtrace/report.hpp"
#include "mtrace/selection.hpp"
#include "mtrace/snapshot.hpp"
#include "render/location.hpp"
#include "render/renderer.hpp"
#include "view/call_tree.hpp"
#include "view/flame_cells.hpp"
#include "view/screen.hpp"

namespace memtrace {

// One snapshot, or two.
struct Sides {
  std::shared_ptr<const Snapshot> before, after;  // no `before`: one only
};
// Reads what a selection needs of them. Throws Error where they lack it.
using ReadSides = std::function<Sides(const Selection& selection)>;

struct ViewOptions {
  Selection selection{};
  std::string sort{};  // empty: the default
  bool reverse = false;
  std::int64_t min_size = 0;
  std::string before{}, after{};  // what is viewed: the paths, or the process
  Style style{};                  // what names look like
  bool is_live = false;
};

class View {
 public:
  // Throws Error.
  View(ReadSides read, ViewOptions options);

  // What only the owner can do.
  enum class Wish : std::uint8_t { none, quit, pause, measure_from_now };
  Wish press(KeyPress pressed);
  // Other snapshots of the same process: what is selected stays selected.
  void update();
  // A line in the place of the keys, until one is pressed.
  void say(std::string message) { message_ = std::move(message); }
  // What is said of a process that is viewed while it runs.
  void set_state(std::string state) { state_ = std::move(state); }

  Screen draw(ScreenSize size);

 private:
  enum class Kind : std::uint8_t { groups, calls, flame, keys };
  // A page covers the one from which it was opened.
  struct Page {
    Kind kind = Kind::groups;
    PlaceId focus = kNowhere;
    std::string focus_name{};  // where the page is made anew
    std::size_t chosen = 0, first = 0;
    NodeId root = kRoot, node = kRoot;  // of a flame
  };
  // A line of a list.
  struct Item {
    enum class Kind : std::uint8_t { group, traceback, frame, source, heading, place } kind;
    GroupId group{};
    Amounts amounts{};
    FrameView frame{};
    PlaceId place = kNowhere;
    std::string text{};
    bool is_expanded = false;
  };

  [[nodiscard]] bool is_diff() const { return sides_.before != nullptr; }
  [[nodiscard]] const Report& report() const;
  [[nodiscard]] TopSort top_sort() const;
  [[nodiscard]] DiffSort diff_sort() const;
  [[nodiscard]] Page& page() { return pages_.back(); }
  const CallTree& calls();

  // --- answers ---
  void compute();
  void list();
  void list_groups();
  void list_calls();
  void add_expansion(const Item& group);
  void add_frames(const std::vector<FrameView>& frames);
  void choose_again(const std::string& name);
  [[nodiscard]] bool is_found(const std::string& name) const;
  [[nodiscard]] std::string name_of_group(GroupId group);
  [[nodiscard]] std::string name_of_frame(const FrameView& frame) const;
  [[nodiscard]] std::string chosen_name();
  [[nodiscard]] std::optional<FrameView> chosen_frame();

  // --- keys ---
  void press_in_filter(KeyPress press);
  bool press_in_flame(KeyPress press);
  void move(Key key);
  Wish press_character(char32_t character);
  void open();
  void open_flame();
  void close();
  void expand();
  void change(const std::function<void()>& change);
  void next_metric();
  void next_group_by();
  void next_sort();

  // --- drawing ---
  void draw_heading(std::vector<Line>& lines, std::size_t columns);
  void draw_list(std::vector<Line>& lines, ScreenSize size, std::size_t rows);
  void draw_flame(std::vector<Line>& lines, ScreenSize size, std::size_t rows);
  void draw_keys(std::vector<Line>& lines, std::size_t rows) const;
  [[nodiscard]] Line titles(std::size_t columns) const;
  [[nodiscard]] Line item_line(const Item& item, std::size_t columns, bool is_chosen);
  [[nodiscard]] Line amounts_line(const Amounts& amounts, std::size_t columns) const;
  [[nodiscard]] Line details(std::size_t columns);
  [[nodiscard]] Line bottom(std::size_t columns) const;
  [[nodiscard]] std::string title(std::size_t columns) const;
  [[nodiscard]] std::string settings() const;
  [[nodiscard]] Span flame_span(const FlameCell& cell);
  [[nodiscard]] std::size_t bar_width(std::size_t columns) const;

  ReadSides read_;
  ViewOptions options_;
  Sides sides_;
  std::unique_ptr<TopReport> top_;
  std::unique_ptr<DiffReport> diff_;
  std::unique_ptr<CallTree> calls_;
  SourceLines sources_;

  std::vector<Page> pages_ = {Page{}};
  std::vector<Item> items_;
  std::vector<GroupId> expanded_;
  FlameCells flame_;
  std::string filter_;
  std::optional<Glob> filter_glob_;
  bool is_typing_ = false;
  std::uint64_t found_ = 0;
  Amounts found_amounts_;
  double biggest_change_ = 0;
  std::size_t shown_rows_ = 1;
  std::string message_, state_;
};

}  // namespace memtrace
