#include "analysis/grouping.hpp"

#include <tsl/robin_map.h>

#include <algorithm>
#include <optional>

#include "analysis/frame_match.hpp"
#include "model/canonical.hpp"
#include "model/frame_hash.hpp"

namespace memtrace {
namespace {

std::optional<std::string_view> text_or_unknown(const StringTable& strings, StringId id) {
  if (id == kNone<StringId>) return std::nullopt;
  return strings[id];
}

// Unknown (kNone) comes first, as the empty string does.
std::strong_ordering compare_strings(const StringTable& strings, StringId a, StringId b) {
  if (a == b) return std::strong_ordering::equal;
  const int order = strings[a].compare(strings[b]);
  if (order != 0) return order <=> 0;
  return a == kNone<StringId>   ? std::strong_ordering::less
         : b == kNone<StringId> ? std::strong_ordering::greater
                                : std::strong_ordering::equal;
}

std::strong_ordering compare_frames(const Tracebacks& tables, const Frame& a, const Frame& b) {
  const auto module_name = [&](const Frame& frame) {
    return frame.module == kNone<ModuleId> ? kNone<StringId> : tables.modules[frame.module].name;
  };
  if (const auto order = compare_strings(tables.strings, a.filename, b.filename); order != 0) {
    return order;
  }
  if (const auto order = a.lineno <=> b.lineno; order != 0) return order;
  if (const auto order = compare_strings(tables.strings, a.function, b.function); order != 0) {
    return order;
  }
  if (const auto order = compare_strings(tables.strings, module_name(a), module_name(b));
      order != 0) {
    return order;
  }
  if (const auto order = a.offset <=> b.offset; order != 0) return order;
  if (const auto order = a.kind <=> b.kind; order != 0) return order;
  return index_of(a.module) <=> index_of(b.module);
}

}  // namespace

FrameView view_of(const Tracebacks& tables, const Frame& frame) {
  FrameView view;
  view.filename = text_or_unknown(tables.strings, frame.filename);
  view.lineno = frame.lineno;
  view.function = text_or_unknown(tables.strings, frame.function);
  if (frame.module != kNone<ModuleId>) {
    view.module = text_or_unknown(tables.strings, tables.modules[frame.module].name);
  }
  if (frame.is_address()) view.offset = frame.offset;
  view.inlined = frame.kind == FrameKind::inlined;
  return view;
}

Grouping::Grouping(GroupBy group_by, std::shared_ptr<const Tracebacks> tables,
                   IdVector<DomainId, Domain> domains, IdVector<FrameId, std::uint32_t> former)
    : group_by_(group_by),
      tables_(std::move(tables)),
      domains_(std::move(domains)),
      former_(std::move(former)) {
  switch (group_by_) {
    case GroupBy::lineno:
    case GroupBy::filename:
    case GroupBy::function:
      group_frames();
      find_former_lines();
      break;
    case GroupBy::module:
      group_modules();
      break;
    case GroupBy::domain:
      break;
    case GroupBy::traceback:
      depth_.resize(tables_->nodes.size());
      for (const NodeId id : ids_of(tables_->nodes)) {
        if (id != kRoot) depth_[id] = depth_[tables_->nodes[id].parent] + 1;
      }
      break;
  }
}

std::size_t Grouping::size() const {
  switch (group_by_) {
    case GroupBy::traceback:
      return tables_->nodes.size();
    case GroupBy::domain:
      return domains_.size();
    case GroupBy::module:
      return modules_.size();
    default:
      return keys_.size();
  }
}

// What two frames must share to be one group, as a frame of its own. A frame without a file name is
// known by its module and its offset or function instead.
Frame Grouping::key_of(const Frame& frame) const {
  Frame key;
  key.filename = frame.filename;
  if (frame.filename == kNone<StringId>) key.module = frame.module;
  if (group_by_ == GroupBy::filename) return key;
  if (group_by_ == GroupBy::function) {
    key.function = frame.function;
    return key;
  }
  key.lineno = frame.lineno;
  // A line that was not found again is not the one that has its number now.
  if (!frame.is_address()) key.offset = frame.offset;
  if (frame.filename == kNone<StringId>) {
    key.function = frame.function;
    key.offset = frame.offset;
    key.kind = frame.is_address() ? FrameKind::return_address : FrameKind::source;
  }
  return key;
}

void Grouping::add_group(const Frame& key, const Frame& frame) {
  Frame shown = key;
  shown.function = frame.function;
  shown.module = frame.module;
  keys_.push_back(shown);
  group_of_frame_.push_back(last_group());
}

// What a group is shown with is what all its frames agree on.
void Grouping::add_to_group(GroupId group, const Frame& frame) {
  if (keys_[group].function != frame.function) keys_[group].function = kNone<StringId>;
  if (keys_[group].module != frame.module) keys_[group].module = kNone<ModuleId>;
  group_of_frame_.push_back(group);
}

// A snapshot file's frames are in canonical order, in which those of a group are mostly neighbours:
// a comparison with the last key then does what a table of all keys costs ten times as much for.
bool Grouping::group_sorted_frames() {
  Frame last;
  for (const Frame& frame : tables_->frames) {
    const Frame key = key_of(frame);
    if (keys_.empty() || canonical_key(last) < canonical_key(key)) {
      add_group(key, frame);
    } else if (last == key) {
      add_to_group(last_group(), frame);
    } else {
      return false;
    }
    last = key;
  }
  return true;
}

void Grouping::group_frames() {
  group_of_frame_.reserve(tables_->frames.size());
  keys_.reserve(tables_->frames.size());
  if (group_sorted_frames()) return;
  keys_ = {};
  group_of_frame_ = {};
  tsl::robin_map<Frame, GroupId, FrameHash> group_of_key;
  for (const Frame& frame : tables_->frames) {
    const Frame key = key_of(frame);
    const auto [found, is_new] = group_of_key.try_emplace(key, keys_.end_id());
    if (is_new) {
      add_group(key, frame);
    } else {
      add_to_group(found->second, frame);
    }
  }
}

void Grouping::find_former_lines() {
  if (group_by_ != GroupBy::lineno || former_.empty()) return;
  former_of_.resize(keys_.size());
  for (const FrameId frame : ids_of(former_)) {
    std::uint32_t& line = former_of_[group_of_frame_[frame]];
    if (line == 0) line = former_[frame];
  }
}

FrameView Grouping::view(FrameId id) const {
  FrameView view = view_of(*tables_, tables_->frames[id]);
  if (former_.contains(id)) view.moved_from = former_[id];
  return view;
}

void Grouping::group_modules() {
  tsl::robin_map<std::string_view, GroupId> group_of_name;
  group_of_frame_.reserve(tables_->frames.size());
  for (const Frame& frame : tables_->frames) {
    const std::string_view name = module_or_package(*tables_, frame);
    const auto [found, is_new] = group_of_name.try_emplace(name, modules_.end_id());
    if (is_new) modules_.push_back(name);
    group_of_frame_.push_back(found->second);
  }
}

std::strong_ordering Grouping::compare(GroupId a, GroupId b) const {
  if (a == b) return std::strong_ordering::equal;
  switch (group_by_) {
    case GroupBy::traceback:
      return compare_nodes(NodeId{static_cast<std::uint32_t>(a)},
                           NodeId{static_cast<std::uint32_t>(b)});
    case GroupBy::domain:
      return domain(a).number <=> domain(b).number;
    case GroupBy::module:
      return modules_[a].compare(modules_[b]) <=> 0;
    default:
      return compare_frames(*tables_, keys_[a], keys_[b]);
  }
}

// Goes up from both nodes to where their tracebacks part: the frames there decide, and where one
// is the other's caller, the shorter traceback comes first.
std::strong_ordering Grouping::compare_nodes(NodeId a, NodeId b) const {
  const auto& nodes = tables_->nodes;
  const std::strong_ordering by_length = depth_[a] <=> depth_[b];
  while (depth_[a] > depth_[b]) a = nodes[a].parent;
  while (depth_[b] > depth_[a]) b = nodes[b].parent;
  if (a == b) return by_length;
  while (nodes[a].parent != nodes[b].parent) {
    a = nodes[a].parent;
    b = nodes[b].parent;
  }
  return compare_frames(*tables_, tables_->frames[nodes[a].frame], tables_->frames[nodes[b].frame]);
}

void Grouping::traceback(GroupId group, std::vector<FrameView>& frames) const {
  frames.clear();
  switch (group_by_) {
    case GroupBy::domain:
      break;
    case GroupBy::traceback:
      for (NodeId node{static_cast<std::uint32_t>(group)}; node != kRoot;
           node = tables_->nodes[node].parent) {
        frames.push_back(view(tables_->nodes[node].frame));
      }
      std::reverse(frames.begin(), frames.end());
      break;
    case GroupBy::module: {
      FrameView view;
      if (!modules_[group].empty()) view.module = modules_[group];
      frames.push_back(view);
      break;
    }
    default:
      frames.push_back(view_of(*tables_, keys_[group]));
      if (former_of_.contains(group)) frames.back().moved_from = former_of_[group];
      break;
  }
}

}  // namespace memtrace
