#include "analysis/followed_lines.hpp"

#include <fmt/format.h>
#include <tsl/robin_map.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "analysis/line_alignment.hpp"
#include "analysis/renaming.hpp"
#include "model/frame_hash.hpp"
#include "mtrace/snapshot_builder.hpp"

namespace memtrace {
namespace {

using FrameMarks = IdVector<FrameId, char>;
// Frames that are others in the last snapshot.
using Moves = tsl::robin_map<FrameId, Frame>;
// A line that was not found again is not the one that has its number now: the offset, which frames
// of source lack, tells them apart.
constexpr std::uint64_t kGone = 1;

bool is_in_function(const Frame& frame) {
  return !frame.is_address() && frame.filename != kNone<StringId> &&
         frame.function != kNone<StringId> && frame.lineno != 0;
}

FrameMarks frames_of(const Tracebacks& tables, IdVector<NodeId, char>& used) {
  FrameMarks frames(tables.frames.size());
  for (std::size_t i = tables.nodes.size(); i-- > 1;) {
    const NodeId node{static_cast<std::uint32_t>(i)};
    if (used[node] == 0) continue;
    used[tables.nodes[node].parent] = 1;
    frames[tables.nodes[node].frame] = 1;
  }
  return frames;
}

// --- from one build to the later ones ---

// Compares the frames of a build with those of the builds that follow.
class BuildComparison {
 public:
  BuildComparison(const Tracebacks& tables, const FrameMarks& own, const FrameMarks& later)
      : tables_(tables),
        own_(own),
        later_(later),
        is_own_module_(tables.modules.size()),
        is_later_module_(tables.modules.size()) {
    for (const FrameId id : ids_of(tables.frames)) {
      const ModuleId module = tables.frames[id].module;
      if (module == kNone<ModuleId>) continue;
      if (own[id] != 0) is_own_module_[module] = 1;
      if (later[id] != 0) is_later_module_[module] = 1;
    }
  }

  Moves moves() {
    renew_modules();
    const std::vector<StringId> files = changed_files();
    if (!files.empty()) {
      collect_lines();
      for (const StringId file : files) follow_file(files_of_[file]);
    }
    return std::move(moves_);
  }

 private:
  struct Lines {
    std::vector<FunctionLine> lines;
    std::vector<std::pair<FunctionLine, FrameId>> frames;  // several may be of one line
  };
  struct File {
    Lines own, later;
  };

  // A module that kept its build id is the same code. Where nothing says so, it may be another.
  [[nodiscard]] bool is_same_build(const Frame& frame) const {
    return frame.module != kNone<ModuleId> && !tables_.modules[frame.module].build_id.empty() &&
           is_own_module_[frame.module] != 0 && is_later_module_[frame.module] != 0;
  }

  // Frames of a module that was built anew are frames of the new one.
  void renew_modules() {
    tsl::robin_map<StringId, ModuleId> later_by_name;
    for (const ModuleId id : ids_of(tables_.modules)) {
      if (is_later_module_[id] != 0) later_by_name[tables_.modules[id].name] = id;
    }
    for (const FrameId id : ids_of(tables_.frames)) {
      const Frame& frame = tables_.frames[id];
      if (own_[id] == 0 || frame.module == kNone<ModuleId> || frame.is_address()) continue;
      if (is_later_module_[frame.module] != 0) continue;
      const auto found = later_by_name.find(tables_.modules[frame.module].name);
      if (found == later_by_name.end()) continue;
      Frame renewed = frame;
      renewed.module = found->second;
      moves_[id] = renewed;
    }
  }

  // Those with lines that only the build has, and lines that only later ones have.
  [[nodiscard]] std::vector<StringId> changed_files() const {
    IdVector<StringId, char> kinds(tables_.strings.size());
    std::vector<StringId> files;
    for (const FrameId id : ids_of(tables_.frames)) {
      const Frame& frame = tables_.frames[id];
      if (own_[id] == later_[id] || !is_in_function(frame) || is_same_build(frame)) continue;
      char& kind = kinds[frame.filename];
      const bool was_changed = kind == 3;
      kind = static_cast<char>(kind | (own_[id] != 0 ? 1 : 2));
      if (kind == 3 && !was_changed) files.push_back(frame.filename);
    }
    return files;
  }

  void collect_lines() {
    for (const StringId file : changed_files()) files_of_.try_emplace(file);
    for (const FrameId id : ids_of(tables_.frames)) {
      const Frame& frame = tables_.frames[id];
      if ((own_[id] == 0 && later_[id] == 0) || !is_in_function(frame)) continue;
      const auto found = files_of_.find(frame.filename);
      if (found == files_of_.end() || is_same_build(frame)) continue;
      const FunctionLine line{frame.lineno, function_of(frame.function)};
      File& file = found.value();
      if (own_[id] != 0) file.own.frames.emplace_back(line, id);
      if (later_[id] != 0) file.later.frames.emplace_back(line, id);
    }
    for (auto entry = files_of_.begin(); entry != files_of_.end(); ++entry) {
      finish(entry.value().own);
      finish(entry.value().later);
    }
  }

  static void finish(Lines& lines) {
    for (const auto& [line, frame] : lines.frames) lines.lines.push_back(line);
    std::sort(lines.lines.begin(), lines.lines.end());
    lines.lines.erase(std::unique(lines.lines.begin(), lines.lines.end()), lines.lines.end());
  }

  // Instances of a template are one function.
  std::uint32_t function_of(StringId name) {
    const auto [known, is_new] = function_of_name_.try_emplace(name, 0);
    if (is_new) {
      const std::string stripped = without_template_arguments(tables_.strings[name]);
      const auto number = static_cast<std::uint32_t>(functions_.size());
      known.value() = functions_.try_emplace(stripped, number).first->second;
    }
    return known->second;
  }

  void follow_file(const File& file) {
    const std::vector<FunctionLine>& own = file.own.lines;
    const std::vector<std::uint32_t> numbers = align_lines(own, file.later.lines);
    const bool is_edited = [&] {
      for (std::size_t i = 0; i < own.size(); ++i) {
        if (numbers[i] != 0 && numbers[i] != own[i].lineno) return true;
      }
      return false;
    }();
    if (!is_edited) return;
    for (const auto& [line, id] : file.own.frames) {
      const auto index = std::lower_bound(own.begin(), own.end(), line) - own.begin();
      const std::uint32_t number = numbers[static_cast<std::size_t>(index)];
      if (number == line.lineno) continue;
      if (number == 0 && !is_line_of(file.later, line.lineno)) continue;
      Frame& moved = moves_.try_emplace(id, tables_.frames[id]).first.value();
      if (number == 0) {
        moved.offset = kGone;
      } else {
        moved.lineno = number;
      }
    }
  }

  static bool is_line_of(const Lines& lines, std::uint32_t lineno) {
    const auto found =
        std::lower_bound(lines.lines.begin(), lines.lines.end(), FunctionLine{lineno, 0});
    return found != lines.lines.end() && found->lineno == lineno;
  }

  const Tracebacks& tables_;
  const FrameMarks& own_;
  const FrameMarks& later_;
  IdVector<ModuleId, char> is_own_module_, is_later_module_;
  tsl::robin_map<StringId, File> files_of_;
  tsl::robin_map<StringId, std::uint32_t> function_of_name_;
  tsl::robin_map<std::string, std::uint32_t> functions_;
  Moves moves_;
};

void add_marks(FrameMarks& to, const FrameMarks& marks) {
  for (const FrameId id : ids_of(marks)) to[id] = static_cast<char>(to[id] | marks[id]);
}

// From the last snapshot back: what lines of a build are in the last one's terms, all builds after
// it know together.
std::vector<Moves> moves_to_last(const Tracebacks& tables, std::vector<SnapshotNodes>& snapshots) {
  std::vector<Moves> moves(snapshots.size());
  FrameMarks later(tables.frames.size());
  for (std::size_t end = snapshots.size(); end > 0;) {
    std::size_t begin = end - 1;
    FrameMarks own = frames_of(tables, snapshots[begin].used);
    const std::string& process = snapshots[begin].process;
    while (!process.empty() && begin > 0 && snapshots[begin - 1].process == process) {
      add_marks(own, frames_of(tables, snapshots[--begin].used));
    }
    if (end < snapshots.size()) {
      const Moves of_build = BuildComparison(tables, own, later).moves();
      for (const auto& [frame, moved] : of_build) own[frame] = 0;
      std::fill(moves.begin() + static_cast<std::ptrdiff_t>(begin),
                moves.begin() + static_cast<std::ptrdiff_t>(end), of_build);
    }
    add_marks(later, own);
    end = begin;
  }
  return moves;
}

// --- by function ---

// The lines of a function in one snapshot.
struct FunctionLines {
  std::uint32_t first = 0, last = 0;
  [[nodiscard]] bool is_one() const { return first == last; }
};
using Function = std::pair<StringId, StringId>;  // file and name
using Functions = std::map<Function, FunctionLines>;

Functions functions_of(const Tracebacks& tables, const FrameMarks& used) {
  Functions functions;
  for (const FrameId id : ids_of(tables.frames)) {
    const Frame& frame = tables.frames[id];
    if (used[id] == 0 || !is_in_function(frame)) continue;
    FunctionLines& lines = functions[{frame.filename, frame.function}];
    lines.first = lines.first == 0 ? frame.lineno : std::min(lines.first, frame.lineno);
    lines.last = std::max(lines.last, frame.lineno);
  }
  return functions;
}

// Every line of a function becomes the first one in the last snapshot that has any.
std::vector<Moves> moves_to_functions(const Tracebacks& tables,
                                      std::vector<SnapshotNodes>& snapshots) {
  std::vector<Moves> moves(snapshots.size());
  Functions shown;
  for (std::size_t i = snapshots.size(); i-- > 0;) {
    const FrameMarks used = frames_of(tables, snapshots[i].used);
    for (const auto& [function, lines] : functions_of(tables, used)) {
      shown.try_emplace(function, lines);
    }
    for (const FrameId id : ids_of(tables.frames)) {
      const Frame& frame = tables.frames[id];
      if (used[id] == 0 || !is_in_function(frame)) continue;
      const FunctionLines& lines = shown.at({frame.filename, frame.function});
      if (frame.lineno == lines.first) continue;
      Frame moved = frame;
      moved.lineno = lines.first;
      moves[i].emplace(id, moved);
    }
  }
  return moves;
}

// --- the tree with moved lines ---

// Appends what moved to the tables.
class Relocation {
 public:
  Relocation(const Tracebacks& tables, bool tells_lines)
      : from_(tables), builder_(from_), tells_lines_(tells_lines) {
    former_.resize(from_.frames.size());
  }

  IdVector<NodeId, NodeId> add(const IdVector<NodeId, char>& used, const Moves& moves) {
    tsl::robin_map<FrameId, FrameId> frame_of;
    for (const auto& [own, moved] : moves) frame_of[own] = add_frame(own, moved);
    IdVector<NodeId, NodeId> node_of(from_.nodes.size(), kRoot);
    for (const NodeId id : ids_of(from_.nodes)) {
      if (id == kRoot || used[id] == 0) continue;
      const Node& node = from_.nodes[id];
      const NodeId parent = node_of[node.parent];
      const auto moved = frame_of.find(node.frame);
      if (moved != frame_of.end()) {
        node_of[id] = builder_.child(parent, moved->second);
      } else {
        node_of[id] = parent == node.parent ? id : builder_.child(parent, node.frame);
      }
    }
    return node_of;
  }

  void finish(FollowedLines& followed) {
    followed.tables = std::make_shared<const Tracebacks>(builder_.take());
    std::vector<std::pair<StringId, std::uint32_t>> lines;
    for (const FrameId id : ids_of(former_)) {
      const Frame& frame = followed.tables->frames[id];
      if (former_[id] != 0) lines.emplace_back(frame.filename, frame.lineno);
    }
    std::sort(lines.begin(), lines.end());
    lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
    followed.lines = lines.size();
    if (!lines.empty()) followed.former = std::move(former_);
  }

 private:
  // The oldest snapshot comes first.
  FrameId add_frame(FrameId own, const Frame& moved) {
    const FrameId id = builder_.frame(moved);
    if (index_of(id) >= former_.size()) former_.resize(index_of(id) + 1);
    const std::uint32_t lineno = from_.frames[own].lineno;
    if (tells_lines_ && lineno != moved.lineno && former_[id] == 0) former_[id] = lineno;
    return id;
  }

  const Tracebacks& from_;
  TracebackBuilder builder_;
  bool tells_lines_;
  IdVector<FrameId, std::uint32_t> former_;
};

}  // namespace

std::string process_of(const Metadata& metadata) {
  if (!metadata.pid || !metadata.started || metadata.merged != 1) return {};
  return fmt::format("{} {} {}", *metadata.pid, *metadata.started, metadata.host);
}

bool may_move(std::span<const std::string> processes, MatchBy match) {
  if (match != MatchBy::automatic) return match == MatchBy::function;
  return std::any_of(processes.begin(), processes.end(), [&](const std::string& process) {
    return process.empty() || process != processes.front();
  });
}

FollowedLines follow_lines(const std::shared_ptr<const Tracebacks>& tables,
                           std::vector<SnapshotNodes> snapshots, MatchBy match) {
  FollowedLines followed;
  followed.tables = tables;
  followed.node_of.resize(snapshots.size());
  const bool by_function = match == MatchBy::function;
  const std::vector<Moves> moves =
      by_function ? moves_to_functions(*tables, snapshots) : moves_to_last(*tables, snapshots);
  const auto moves_nothing = [](const Moves& each) { return each.empty(); };
  if (std::all_of(moves.begin(), moves.end(), moves_nothing)) return followed;
  Relocation relocation(*tables, !by_function);
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    if (!moves[i].empty()) followed.node_of[i] = relocation.add(snapshots[i].used, moves[i]);
  }
  relocation.finish(followed);
  return followed;
}

}  // namespace memtrace
