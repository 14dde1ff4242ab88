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

// The same as a glob of the whole name: anything may stand around it, unless an end is bound.
Glob glob_of(std::string_view pattern) {
  const bool at_begin = pattern.starts_with('^');
  if (at_begin) pattern.remove_prefix(1);
  const bool at_end = pattern.ends_with('$');
  if (at_end) pattern.remove_suffix(1);
  std::string glob = at_begin ? "" : "*";
  for (const char c : pattern) {
    const bool is_special = c == '?' || c == '[';
    glob += is_special ? std::string{'[', c, ']'} : std::string{c};
  }
  return Glob(glob + (at_end ? "" : "*"));
}

// Which suppression a name, a frame or a traceback belongs to.
using Index = std::uint32_t;
constexpr Index kNotSuppressed = std::numeric_limits<Index>::max();

IdVector<FrameId, Index> match_frames(const Tracebacks& tables,
                                      std::span<const Suppression> suppressions) {
  std::vector<Glob> globs;
  globs.reserve(suppressions.size());
  for (const Suppression& suppression : suppressions) globs.push_back(glob_of(suppression.pattern));
  // Each name meets each pattern once.
  IdVector<StringId, Index> of_name(tables.strings.size());
  for (const StringId id : ids_of(of_name)) {
    const auto found = std::ranges::find_if(
        globs, [&](const Glob& each) { return each.matches(tables.strings[id]); });
    of_name[id] = found == globs.end() ? kNotSuppressed : static_cast<Index>(found - globs.begin());
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
