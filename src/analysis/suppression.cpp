// Suppressions: blocks that nobody wants to hear of.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "mtrace/check.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr std::string_view kSpace = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

[[noreturn]] void refuse(std::uint32_t line, const std::string& message) {
  throw Error(fmt::format("{}: {}", line, message));
}

// "leak:PATTERN"; the names of other sanitizers' kinds are known by what they are not.
Suppression parse_line(std::string_view text, std::uint32_t line) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    refuse(line, fmt::format("'{}' is no suppression: write leak:PATTERN", text));
  }
  const std::string_view kind = text.substr(0, colon);
  if (kind != "leak") {
    refuse(line, fmt::format("'{}' is an unknown kind of suppression: write leak:PATTERN", kind));
  }
  const std::string_view pattern = text.substr(colon + 1);
  if (pattern.find_first_not_of("*^$") == std::string_view::npos) {
    refuse(line, fmt::format("'{}' would suppress everything", text));
  }
  return {std::string(pattern), line};
}

// The pieces between stars are found one behind the other, as early as each can be; that is right
// because only the first may be bound to the beginning and only the last to the end.
class Template {
 public:
  explicit Template(std::string_view pattern) {
    at_begin_ = pattern.starts_with('^');
    if (at_begin_) pattern.remove_prefix(1);
    at_end_ = pattern.ends_with('$');
    if (at_end_) pattern.remove_suffix(1);
    while (true) {
      const std::size_t star = pattern.find('*');
      pieces_.emplace_back(pattern.substr(0, star));
      if (star == std::string_view::npos) break;
      pattern.remove_prefix(star + 1);
    }
  }

  [[nodiscard]] bool matches(std::string_view text) const {
    if (at_begin_ && !text.starts_with(pieces_.front())) return false;
    std::size_t position = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      const std::string& piece = pieces_[i];
      const bool is_last = i + 1 == pieces_.size();
      if (is_last && at_end_) return ends_with(text, piece, position, i == 0 && at_begin_);
      const std::size_t found = i == 0 && at_begin_ ? 0 : text.find(piece, position);
      if (found == std::string_view::npos) return false;
      position = found + piece.size();
    }
    return true;
  }

 private:
  static bool ends_with(std::string_view text, const std::string& piece, std::size_t position,
                        bool is_whole) {
    if (is_whole) return text == piece;
    return text.size() - position >= piece.size() && text.ends_with(piece);
  }

  std::vector<std::string> pieces_;
  bool at_begin_ = false, at_end_ = false;
};

// Which suppression a name, a frame or a traceback belongs to.
using Index = std::uint32_t;
constexpr Index kNotSuppressed = std::numeric_limits<Index>::max();

IdVector<FrameId, Index> match_frames(const Tracebacks& tables,
                                      std::span<const Suppression> suppressions) {
  std::vector<Template> templates;
  templates.reserve(suppressions.size());
  for (const Suppression& suppression : suppressions) templates.emplace_back(suppression.pattern);
  // Each name meets each pattern once.
  IdVector<StringId, Index> of_name(tables.strings.size());
  for (const StringId id : ids_of(of_name)) {
    const auto found = std::ranges::find_if(
        templates, [&](const Template& each) { return each.matches(tables.strings[id]); });
    of_name[id] =
        found == templates.end() ? kNotSuppressed : static_cast<Index>(found - templates.begin());
  }
  IdVector<FrameId, Index> of_frame(tables.frames.size());
  for (const FrameId id : ids_of(of_frame)) {
    const Frame& frame = tables.frames[id];
    Index first = kNotSuppressed;
    const auto look_at = [&](StringId name) {
      if (name != kNone<StringId>) first = std::min(first, of_name[name]);
    };
    look_at(frame.function);
    look_at(frame.filename);
    if (frame.module != kNone<ModuleId>) look_at(tables.modules[frame.module].name);
    of_frame[id] = first;
  }
  return of_frame;
}

// A node belongs to what matches its most recent frame that anything matches.
IdVector<NodeId, Index> match_nodes(const Tracebacks& tables,
                                    std::span<const Suppression> suppressions) {
  const IdVector<FrameId, Index> of_frame = match_frames(tables, suppressions);
  IdVector<NodeId, Index> of_node(tables.nodes.size());
  for (const NodeId id : ids_of(of_node)) {
    const Node& node = tables.nodes[id];
    const Index own = id == kRoot ? kNotSuppressed : of_frame[node.frame];
    of_node[id] = own != kNotSuppressed || id == kRoot ? own : of_node[node.parent];
  }
  return of_node;
}

}  // namespace

std::vector<Suppression> parse_suppressions(std::string_view text) {
  std::vector<Suppression> suppressions;
  std::uint32_t line = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view content = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line;
    if (!content.empty() && content.front() != '#') {
      suppressions.push_back(parse_line(content, line));
    }
  }
  return suppressions;
}

std::vector<Suppressed> suppress(Snapshot& snapshot, const std::vector<Suppression>& suppressions) {
  std::vector<Suppressed> results;
  const auto counted = std::ranges::find_if(
      kMetrics, [&](Metric metric) { return snapshot.rows[metric].has_value(); });
  if (counted == kMetrics.end()) return results;
  for (const Suppression& each : suppressions) results.push_back({each, *counted, {}});
  if (suppressions.empty()) return results;
  const IdVector<NodeId, Index> of_node = match_nodes(snapshot.tracebacks, suppressions);
  for (std::size_t row = 0; row < snapshot.rows.size(); ++row) {
    const Index index = of_node[snapshot.rows.node[row]];
    if (index == kNotSuppressed) continue;
    for (const Metric metric : kMetrics) {
      auto& column = snapshot.rows[metric];
      if (!column) continue;
      if (metric == *counted) {
        results[index].amount.size += column->size[row];
        results[index].amount.count += column->count[row];
      }
      column->size[row] = column->count[row] = 0;
      if (column->is_estimate()) column->size_variance[row] = column->count_variance[row] = 0;
    }
  }
  return results;
}

}  // namespace memtrace
