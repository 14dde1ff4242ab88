#include "analysis/unmatched.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <tuple>

#include "analysis/frame_match.hpp"
#include "analysis/renaming.hpp"
#include "base/suggestion.hpp"

namespace memtrace {
namespace {

using Marks = IdVector<FrameId, char>;
using Reason = UnmatchedFilter::Reason;

// More different names, or longer ones, are not searched for one that is nearly the same.
constexpr std::size_t kMostNames = 20000, kLongestName = 80;

// One kind of filter: how its text is matched, and what it is matched against.
struct Kind {
  std::function<Marks(const Tracebacks& tables, const std::string& text)> match;
  std::function<std::string_view(const Tracebacks& tables, const Frame& frame)> name;
  bool is_path;  // the name's last component says most
};

const Kind kFiles = {[](const Tracebacks& tables, const std::string& text) {
                       const Pattern pattern(text);
                       return match_patterns(tables, std::span(&pattern, 1));
                     },
                     filename_or_module, true};
const Kind kFunctions = {
    [](const Tracebacks& tables, const std::string& text) {
      const Glob glob(text);
      return match_functions(tables, std::span(&glob, 1));
    },
    [](const Tracebacks& tables, const Frame& frame) { return tables.strings[frame.function]; },
    false};
const Kind kModules = {[](const Tracebacks& tables, const std::string& text) {
                         const Glob glob(text);
                         return match_modules(tables, std::span(&glob, 1));
                       },
                       module_or_package, true};

bool any(const Marks& marks) {
  return std::find(marks.begin(), marks.end(), 1) != marks.end();
}

bool any_of_both(const Marks& marks, const Marks& others) {
  return !std::equal(marks.begin(), marks.end(), others.begin(),
                     [](auto mark, auto other) { return mark == 0 || other == 0; });
}

std::string last_component(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

// The names that are spelled nearly so.
std::string nearly_named(const Tracebacks& tables, const Kind& kind, const std::string& text) {
  std::set<std::string> names;
  for (const Frame& frame : tables.frames) {
    const std::string_view name = kind.name(tables, frame);
    std::string word = kind.is_path ? last_component(name) : std::string(name);
    if (word.empty() || word.size() > kLongestName) continue;
    names.insert(std::move(word));
    if (names.size() > kMostNames) return {};
  }
  std::string word = kind.is_path ? last_component(text) : text;
  std::erase(word, '*');
  if (word.empty() || names.contains(word)) return {};
  return nearest(word, std::vector<std::string>(names.begin(), names.end()));
}

// What somebody may have meant, most likely first. `glob` is without the line.
std::vector<std::string> likely(const Kind& kind, std::string glob) {
  std::vector<std::string> patterns;
  while (glob.starts_with("./")) glob.erase(0, 2);
  if (kind.is_path) {
    const std::string last = last_component(glob);
    patterns = {glob, glob + "/", "*/" + glob, "*/" + last};
    if (glob.ends_with('/')) patterns.back() += '/';
    patterns.push_back(last);
    patterns.push_back("*/" + last + "/*");
  }
  patterns.push_back(fmt::format("*{}*", glob));
  return patterns;
}

// A text that matches something, or empty.
std::string what_is_meant(const Tracebacks& tables, const Kind& kind, const std::string& text) {
  std::string glob = text, line;
  if (&kind == &kFiles) {
    const Pattern pattern(text);
    if (pattern.lineno()) line = fmt::format(":{}", *pattern.lineno());
    glob = pattern.glob();
  }
  if (glob.empty()) return {};
  std::vector<std::string> patterns = likely(kind, glob);
  if (std::string word = nearly_named(tables, kind, glob); !word.empty()) {
    if (kind.is_path) patterns.push_back("*/" + word);
    patterns.push_back(std::move(word));
  }
  for (const std::string& behind : {line, std::string()}) {
    for (const std::string& pattern : patterns) {
      if (any(kind.match(tables, pattern + behind))) return pattern + behind;
    }
  }
  return {};
}

// Looks at one filter after the other, at equal ones once.
class Search {
 public:
  Search(const Tracebacks& given, const Tracebacks& named, const Tracebacks& visible,
         const Marks& most_recent)
      : given_(given), named_(named), visible_(visible), most_recent_(most_recent) {
    // Frames that are hidden are in the table, but on no traceback.
    is_seen_.resize(visible.frames.size(), 0);
    for (const NodeId id : ids_of(visible.nodes)) {
      if (id != kRoot) is_seen_[visible.nodes[id].frame] = 1;
    }
  }

  // Filters of blocks look at visible frames, or at the most recent ones of them alone.
  void blocks(const Kind& kind, std::string_view option, const std::string& text,
              bool only_recent) {
    if (!is_new(option, text)) return;
    const Marks marks = kind.match(visible_, text);
    if (any_of_both(marks, is_seen_)) {
      if (only_recent && !any_of_both(marks, most_recent_)) add(option, text, {}, Reason::callers);
    } else if (any(kind.match(named_, text))) {
      add(option, text, {}, Reason::hidden);
    } else {
      add(option, text, what_is_meant(visible_, kind, text), Reason::nothing);
    }
  }

  // Filters of frames look at all.
  void frames(const Kind& kind, std::string_view option, const std::string& text) {
    if (!is_new(option, text) || any(kind.match(named_, text))) return;
    add(option, text, what_is_meant(named_, kind, text), Reason::nothing);
  }

  void prefix(const PrefixMap& rule) {
    const auto has_any = [&](std::string_view folder) {
      return std::any_of(given_.frames.begin(), given_.frames.end(), [&](const Frame& frame) {
        return is_below(given_.strings[frame.filename], folder);
      });
    };
    if (is_new("--map-prefix", rule.text()) && !has_any(rule.from)) {
      const std::string folder = folder_called(given_, rule.from);
      const std::string meant = folder.empty() ? folder : folder + "=" + rule.to;
      add("--map-prefix", rule.text(), meant, Reason::nothing);
    }
  }

  std::vector<UnmatchedFilter> take() { return std::move(found_); }

 private:
  bool is_new(std::string_view option, const std::string& text) {
    return seen_.emplace(option, text).second;
  }
  void add(std::string_view option, const std::string& text, std::string meant, Reason reason) {
    found_.push_back({std::string(option), text, std::move(meant), reason});
  }

  const Tracebacks &given_, &named_, &visible_;
  const Marks& most_recent_;
  Marks is_seen_;
  std::set<std::pair<std::string, std::string>> seen_;
  std::vector<UnmatchedFilter> found_;
};

}  // namespace

std::string folder_called(const Tracebacks& tables, std::string_view folder) {
  const std::string part = fmt::format("/{}/", last_component(folder));
  for (const Frame& frame : tables.frames) {
    const std::string_view name = filename_or_module(tables, frame);
    const std::size_t at = name.find(part);
    if (at != std::string_view::npos) return std::string(name.substr(0, at + part.size() - 1));
    if (name.starts_with(part.substr(1))) return part.substr(1, part.size() - 2);
  }
  return {};
}

bool has_filters(const Selection& selection) {
  return !selection.include.empty() || !selection.exclude.empty() || !selection.function.empty() ||
         !selection.module.empty() || !selection.hide.empty() || !selection.hide_function.empty() ||
         !selection.hide_module.empty() || !selection.map_prefixes.empty();
}

std::vector<UnmatchedFilter> unmatched_filters(const Tracebacks& given, const Tracebacks& named,
                                               const Tracebacks& visible, const Marks& most_recent,
                                               const Selection& selection) {
  // Nothing can match where there is nothing.
  if (!any(most_recent)) return {};
  Search search(given, named, visible, most_recent);
  const bool only_recent = !selection.all_frames;
  for (const PrefixMap& rule : selection.map_prefixes) search.prefix(rule);
  for (const Pattern& each : selection.include) {
    search.blocks(kFiles, "--include", each.text(), only_recent);
  }
  // Many leave out by habit what is only a caller here.
  for (const Pattern& each : selection.exclude) {
    search.blocks(kFiles, "--exclude", each.text(), false);
  }
  for (const Glob& each : selection.function) {
    search.blocks(kFunctions, "--function", each.pattern(), only_recent);
  }
  for (const Glob& each : selection.module) {
    search.blocks(kModules, "--module", each.pattern(), only_recent);
  }
  for (const Pattern& each : selection.hide) {
    search.frames(kFiles, "--hide", each.text());
  }
  for (const Glob& each : selection.hide_function) {
    search.frames(kFunctions, "--hide-function", each.pattern());
  }
  for (const Glob& each : selection.hide_module) {
    search.frames(kModules, "--hide-module", each.pattern());
  }
  return search.take();
}

}  // namespace memtrace
