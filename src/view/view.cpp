#include "view/view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "mtrace/error.hpp"
#include "render/escape.hpp"

namespace memtrace {
namespace {

// So many tracebacks of a group are shown where it is expanded.
constexpr std::size_t kMostTracebacks = 20;

void append_utf8(std::string& text, char32_t c) {
  const auto byte = [&](char32_t value) { text += static_cast<char>(value); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0 | c >> 6);
    byte(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    byte(0xe0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  } else {
    byte(0xf0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3f));
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  }
}

void remove_last_character(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

// The one behind it, and behind the last one the first.
template <class Values, class Value>
Value next_of(const Values& values, Value value) {
  const auto found = std::find(values.begin(), values.end(), value);
  const bool is_last = found == values.end() || found + 1 == values.end();
  return is_last ? values.front() : *(found + 1);
}

template <class Sorts>
auto sort_named(const Sorts& sorts, const std::string& name) {
  const auto found =
      std::find_if(sorts.begin(), sorts.end(), [&](auto sort) { return name_of(sort) == name; });
  return found == sorts.end() ? sorts.front() : *found;
}

}  // namespace

View::View(ReadSides read, ViewOptions options)
    : read_(std::move(read)),
      options_(std::move(options)),
      sources_(options_.style.source_folders) {
  sides_ = read_(options_.selection);
  compute();
  list();
}

const Report& View::report() const {
  return is_diff() ? static_cast<const Report&>(*diff_) : static_cast<const Report&>(*top_);
}

TopSort View::top_sort() const {
  return sort_named(kTopSorts, options_.sort);
}

DiffSort View::diff_sort() const {
  return sort_named(kDiffSorts, options_.sort);
}

// --- answers ---

void View::compute() {
  calls_.reset();
  top_.reset();
  diff_.reset();
  if (is_diff()) {
    DiffRanking ranking;
    ranking.sort = diff_sort();
    ranking.reverse = options_.reverse;
    ranking.min_size = options_.min_size;
    ranking.changed_only = !options_.is_live;
    diff_ = std::make_unique<DiffReport>(
        diff(*sides_.before, *sides_.after, options_.selection, ranking));
    biggest_change_ = 0;
    for (const StatisticDiff& group : diff_->statistics) {
      const auto change = static_cast<double>(group.size_diff());
      biggest_change_ = std::max(biggest_change_, change < 0 ? -change : change);
    }
  } else {
    TopRanking ranking;
    ranking.sort = top_sort();
    ranking.reverse = options_.reverse;
    ranking.min_size = options_.min_size;
    top_ = std::make_unique<TopReport>(top(*sides_.after, options_.selection, ranking));
  }
}

const CallTree& View::calls() {
  if (!calls_) {
    TracebackTree tree = is_diff()
                             ? traceback_tree(*sides_.before, *sides_.after, options_.selection)
                             : traceback_tree(*sides_.after, options_.selection);
    calls_ = std::make_unique<CallTree>(std::move(tree), options_.selection.group_by);
    flame_.weigh(*calls_);
  }
  return *calls_;
}

// After another question. What cannot be answered leaves all as it was.
void View::change(const std::function<void()>& change) {
  const ViewOptions options = options_;
  const Sides sides = sides_;
  const std::string name = chosen_name();
  change();
  try {
    sides_ = read_(options_.selection);
    compute();
  } catch (const Error& error) {
    options_ = options;
    sides_ = sides;
    compute();
    message_ = escaped(error.what());
  }
  expanded_.clear();
  pages_.resize(1);
  list();
  choose_again(name);
}

void View::update() {
  const std::string name = chosen_name();
  std::vector<std::string> expanded;
  for (const GroupId group : expanded_) expanded.push_back(name_of_group(group));
  sides_ = read_(options_.selection);
  compute();
  expanded_.clear();
  const auto add = [&](const auto& statistics) {
    for (const auto& group : statistics) {
      if (expanded.empty()) break;
      const auto found = std::find(expanded.begin(), expanded.end(), name_of_group(group.group));
      if (found != expanded.end()) expanded_.push_back(group.group);
    }
  };
  if (is_diff()) add(diff_->statistics);
  if (!is_diff()) add(top_->statistics);
  while (page().kind == Kind::calls || page().kind == Kind::flame) {
    PlaceId place = kNowhere;
    if (page().kind == Kind::calls) place = calls().find_name(page().focus_name);
    if (place == kNowhere) {
      pages_.pop_back();
    } else {
      page().focus = place;
      break;
    }
  }
  list();
  choose_again(name);
}

std::string View::name_of_group(GroupId group) {
  std::vector<FrameView> frames;
  return printed(location_of(report(), group, options_.style, frames), 0, options_.style);
}

std::string View::name_of_frame(const FrameView& frame) const {
  GroupBy group_by = options_.selection.group_by;
  if (group_by == GroupBy::traceback || group_by == GroupBy::domain) group_by = GroupBy::lineno;
  return printed(location_of(frame, group_by, options_.style), 0, options_.style);
}

bool View::is_found(const std::string& name) const {
  if (filter_.empty()) return true;
  return filter_glob_ ? filter_glob_->matches(name) : name.find(filter_) != std::string::npos;
}

void View::list() {
  items_.clear();
  if (page().kind == Kind::groups) list_groups();
  if (page().kind == Kind::calls) list_calls();
  page().chosen = std::min(page().chosen, items_.empty() ? 0 : items_.size() - 1);
}

void View::list_groups() {
  found_ = 0;
  found_amounts_ = {};
  const auto add = [&](GroupId group, const Amounts& amounts) {
    if (!filter_.empty() && !is_found(name_of_group(group))) return;
    ++found_;
    found_amounts_ += amounts;
    const bool is_expanded =
        std::find(expanded_.begin(), expanded_.end(), group) != expanded_.end();
    items_.push_back({.kind = Item::Kind::group,
                      .group = group,
                      .amounts = amounts,
                      .is_expanded = is_expanded});
    if (is_expanded) add_expansion(Item(items_.back()));
  };
  if (is_diff()) {
    for (const StatisticDiff& each : diff_->statistics) add(each.group, {each.before, each.after});
  } else {
    for (const Statistic& each : top_->statistics) add(each.group, {{}, each.amount});
  }
}

void View::add_frames(const std::vector<FrameView>& frames) {
  for (const FrameView& frame : frames) {
    items_.push_back({.kind = Item::Kind::frame, .frame = frame});
    if (!frame.filename) continue;
    const std::string_view line = sources_.line(*frame.filename, frame.lineno);
    if (!line.empty()) items_.push_back({.kind = Item::Kind::source, .text = escaped(line)});
  }
}

void View::add_expansion(const Item& group) {
  std::vector<FrameView> frames = report().traceback(group.group);
  if (options_.selection.group_by == GroupBy::traceback) {
    std::reverse(frames.begin(), frames.end());
    return add_frames(frames);
  }
  if (frames.empty()) return;
  const PlaceId place = calls().find(frames.back());
  if (place == kNowhere) return;
  const auto tracebacks = calls().tracebacks(place);
  const std::size_t shown = std::min(tracebacks.size(), kMostTracebacks);
  for (std::size_t i = 0; i < shown; ++i) {
    items_.push_back({.kind = Item::Kind::traceback, .amounts = tracebacks[i].amounts});
    add_frames(calls().frames(tracebacks[i].node));
  }
  if (shown < tracebacks.size()) {
    items_.push_back({.kind = Item::Kind::heading,
                      .text = fmt::format("… {} more tracebacks", tracebacks.size() - shown)});
  }
}

void View::list_calls() {
  const CallTree::Neighbours around = calls().neighbours(page().focus);
  const auto heading = [&](std::string text, const Amounts& amounts = {}) {
    items_.push_back({.kind = Item::Kind::heading, .amounts = amounts, .text = std::move(text)});
  };
  const auto add = [&](const std::vector<CallTree::Neighbour>& neighbours) {
    for (const auto& [place, amounts] : neighbours) {
      Item item{.kind = Item::Kind::place, .amounts = amounts, .place = place};
      if (place == kNowhere) item.text = "the oldest frame that was kept";
      if (place != kNowhere) item.frame = calls().frame(place);
      if (place != kNowhere && !is_found(name_of_frame(item.frame))) continue;
      items_.push_back(std::move(item));
    }
  };
  heading("called by");
  add(around.callers);
  heading("itself and all that it calls", around.total);
  heading("itself", around.own);
  heading("calls");
  add(around.callees);
  if (around.callees.empty()) heading("nothing that holds memory");
}

std::optional<FrameView> View::chosen_frame() {
  if (page().kind == Kind::flame) {
    if (page().node == kRoot) return std::nullopt;
    return calls().tree().frame(page().node);
  }
  if (page().chosen >= items_.size()) return std::nullopt;
  // What belongs to a group or a frame is below it.
  for (std::size_t at = page().chosen + 1; at-- > 0;) {
    const Item& item = items_[at];
    if (item.kind == Item::Kind::frame) return item.frame;
    if (item.kind == Item::Kind::place && item.place != kNowhere) return item.frame;
    if (item.kind == Item::Kind::group) {
      const std::vector<FrameView> frames = report().traceback(item.group);
      return frames.empty() ? std::nullopt : std::optional(frames.back());
    }
    if (item.kind != Item::Kind::source && item.kind != Item::Kind::traceback) break;
  }
  return std::nullopt;
}

std::string View::chosen_name() {
  const auto frame = chosen_frame();
  return frame ? name_of_frame(*frame) : "";
}

void View::choose_again(const std::string& name) {
  if (name.empty()) return;
  for (std::size_t at = 0; at < items_.size(); ++at) {
    const Item& item = items_[at];
    const bool is_it =
        (item.kind == Item::Kind::group && name_of_group(item.group) == name) ||
        (item.kind == Item::Kind::place && item.text.empty() && name_of_frame(item.frame) == name);
    if (!is_it) continue;
    page().chosen = at;
    return;
  }
}

// --- keys ---

View::Wish View::press(KeyPress pressed) {
  message_.clear();
  if (is_typing_) {
    press_in_filter(pressed);
    return Wish::none;
  }
  if (page().kind == Kind::keys) {
    pages_.pop_back();
    return pressed.key == Key::character && pressed.character == 'q' ? Wish::quit : Wish::none;
  }
  if (page().kind == Kind::flame && press_in_flame(pressed)) return Wish::none;
  if (pressed.key == Key::character) return press_character(pressed.character);
  if (pressed.key == Key::enter) {
    open();
  } else if (pressed.key == Key::escape || pressed.key == Key::backspace) {
    if (pages_.size() == 1 && !filter_.empty()) {
      filter_.clear();
      filter_glob_.reset();
      list();
    } else {
      close();
    }
  } else if (pressed.key == Key::right) {
    if (page().kind == Kind::groups) expand();
    if (page().kind == Kind::calls) open();
  } else if (pressed.key == Key::left) {
    const bool is_within = page().kind == Kind::groups;
    if (is_within) expand();
    if (!is_within) close();
  } else {
    move(pressed.key);
  }
  return Wish::none;
}

// Applies while it is typed: a glob where it has a `*` or a `?`, else a part of the name.
void View::press_in_filter(KeyPress press) {
  if (press.key == Key::enter || press.key == Key::up || press.key == Key::down) {
    is_typing_ = false;
    if (press.key != Key::enter) move(press.key);
    return;
  }
  if (press.key == Key::escape) {
    is_typing_ = false;
    filter_.clear();
  } else if (press.key == Key::backspace) {
    if (filter_.empty()) is_typing_ = false;
    remove_last_character(filter_);
  } else if (press.key == Key::character && press.character >= ' ') {
    append_utf8(filter_, press.character);
  }
  filter_glob_.reset();
  if (filter_.find_first_of("*?") != std::string::npos) filter_glob_.emplace("*" + filter_ + "*");
  page().chosen = 0;
  list();
}

void View::move(Key key) {
  const std::size_t last = items_.empty() ? 0 : items_.size() - 1;
  std::size_t& chosen = page().chosen;
  const std::size_t page_rows = std::max<std::size_t>(1, shown_rows_ - 1);
  if (key == Key::up) chosen -= std::min<std::size_t>(chosen, 1);
  if (key == Key::down) chosen = std::min(chosen + 1, last);
  if (key == Key::page_up) chosen -= std::min(chosen, page_rows);
  if (key == Key::page_down) chosen = std::min(chosen + page_rows, last);
  if (key == Key::home) chosen = 0;
  if (key == Key::end) chosen = last;
}

bool View::press_in_flame(KeyPress press) {
  Page& here = page();
  const auto go = [&](const FlameCell* cell) {
    if (cell != nullptr) here.node = cell->node;
    return true;
  };
  switch (press.key) {
    case Key::up:
      return go(flame_.above(here.node));
    case Key::down:
      return go(flame_.below(here.node));
    case Key::left:
      return go(flame_.beside(here.node, false));
    case Key::right:
      return go(flame_.beside(here.node, true));
    case Key::enter:
      here.root = here.node;
      return true;
    case Key::home:
      here.root = here.node = kRoot;
      return true;
    case Key::backspace:
    case Key::escape:
      if (here.root == kRoot) return false;
      here.root = calls().tree().parent(here.root);
      return true;
    default:
      return false;
  }
}

// NOLINTNEXTLINE(readability-function-size): a table of keys
View::Wish View::press_character(char32_t character) {
  switch (character) {
    case 'q':
      return Wish::quit;
    case 'p':
      return options_.is_live ? Wish::pause : Wish::none;
    case 'z':
      return options_.is_live ? Wish::measure_from_now : Wish::none;
    case '?':
    case 'h':
      pages_.push_back({.kind = Kind::keys});
      break;
    case '/':
      if (page().kind != Kind::flame) is_typing_ = true;
      break;
    case 'j':
      press({Key::down});
      break;
    case 'k':
      press({Key::up});
      break;
    case ' ':
      if (page().kind == Kind::groups) expand();
      break;
    case 'f':
      open_flame();
      break;
    case 'm':
      next_metric();
      break;
    case 'g':
      next_group_by();
      break;
    case 's':
      next_sort();
      break;
    case 'r':
      change([&] { options_.reverse = !options_.reverse; });
      break;
    case 'o':
      change([&] { options_.selection.mine = !options_.selection.mine; });
      break;
    case 'c':
      change([&] {
        Selection& selection = options_.selection;
        const bool is_possible =
            selection.group_by != GroupBy::traceback && selection.group_by != GroupBy::domain;
        if (!is_possible) message_ = "tracebacks and domains cannot be counted cumulatively";
        if (is_possible) selection.cumulative = !selection.cumulative;
      });
      break;
    case 'b':
      options_.style.plain_bytes = !options_.style.plain_bytes;
      break;
    default:
      message_ = "? shows the keys";
  }
  return Wish::none;
}

void View::open() {
  if (page().kind == Kind::groups && options_.selection.group_by == GroupBy::domain) {
    message_ = "an address space has no callers: g groups by something else";
    return;
  }
  if (page().kind == Kind::calls && items_[page().chosen].kind != Item::Kind::place) return;
  const auto frame = chosen_frame();
  const PlaceId place = frame ? calls().find(*frame) : kNowhere;
  if (place == kNowhere) return;
  filter_.clear();
  filter_glob_.reset();
  pages_.push_back({.kind = Kind::calls, .focus = place, .focus_name = calls().name(place)});
  list();
  // The first caller.
  page().chosen = std::min<std::size_t>(1, items_.size() - 1);
}

void View::open_flame() {
  if (page().kind == Kind::flame) return close();
  calls();
  pages_.push_back({.kind = Kind::flame});
}

void View::close() {
  if (pages_.size() == 1) return;
  const PlaceId place = page().focus;
  const std::string name =
      page().kind == Kind::calls && place != kNowhere ? name_of_frame(calls().frame(place)) : "";
  pages_.pop_back();
  list();
  choose_again(name);
}

void View::expand() {
  std::size_t at = page().chosen;
  while (at < items_.size() && at > 0 && items_[at].kind != Item::Kind::group) --at;
  if (at >= items_.size()) return;
  const GroupId group = items_[at].group;
  const auto found = std::find(expanded_.begin(), expanded_.end(), group);
  if (found == expanded_.end()) {
    expanded_.push_back(group);
  } else {
    expanded_.erase(found);
  }
  list();
  page().chosen = at;
}

void View::next_metric() {
  const Metric before = options_.selection.metric;
  Metric metric = before;
  // What the snapshot lacks is passed over.
  for (std::size_t i = 0; i + 1 < kMetrics.size(); ++i) {
    metric = next_of(kMetrics, metric);
    change([&] { options_.selection.metric = metric; });
    if (options_.selection.metric != before) {
      message_.clear();
      return;
    }
  }
}

void View::next_group_by() {
  change([&] {
    Selection& selection = options_.selection;
    selection.group_by = next_of(kGroupBys, selection.group_by);
    if (selection.group_by == GroupBy::traceback || selection.group_by == GroupBy::domain) {
      selection.cumulative = false;
    }
  });
}

void View::next_sort() {
  change([&] {
    options_.sort = is_diff() ? name_of(next_of(kDiffSorts, diff_sort()))
                              : name_of(next_of(kTopSorts, top_sort()));
  });
}

}  // namespace memtrace
