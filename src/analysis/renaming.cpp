#include "analysis/renaming.hpp"

#include <algorithm>

namespace memtrace {

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

}  // namespace memtrace
