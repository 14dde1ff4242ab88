#include "analysis/series_table.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "analysis/followed_lines.hpp"
#include "analysis/report_builder.hpp"

namespace memtrace {

namespace {

std::vector<GroupId> marked_groups(const std::vector<char>& marks) {
  std::vector<GroupId> groups;
  for (std::uint32_t group = 0; group < marks.size(); ++group) {
    if (marks[group] != 0) groups.push_back(GroupId{group});
  }
  return groups;
}

}  // namespace

// Ids in one snapshot's tables -> ids in the joined ones. Strings are looked up when they are first
// needed: most of them are names that no group is called by.
class SeriesTable::Names {
 public:
  Names(const Grouping& grouping, SeriesTable& table)
      : grouping_(grouping),
        table_(table),
        strings_(grouping.tables().strings.size(), kNone<StringId>) {
    if (grouping.group_by() == GroupBy::traceback)
      nodes_ = table.builder_.absorb(grouping.tables());
  }

  Row row_of(GroupId group) {
    switch (grouping_.group_by()) {
      case GroupBy::domain:
        return static_cast<Row>(table_.domains_.domain(grouping_.domain(group)));
      case GroupBy::traceback:
        return static_cast<Row>(nodes_[NodeId{static_cast<std::uint32_t>(group)}]);
      case GroupBy::module:
        return row_of_module(group);
      default:
        return row_of_frame(grouping_.frame(group));
    }
  }

 private:
  Row row_of_module(GroupId group) {
    grouping_.traceback(group, views_);
    Frame frame;
    if (views_.front().module) {
      frame.module = table_.builder_.module({table_.builder_.string(*views_.front().module), {}});
    }
    return static_cast<Row>(table_.builder_.child(kRoot, table_.builder_.frame(frame)));
  }

  Row row_of_frame(Frame frame) {
    frame.filename = joined(frame.filename);
    frame.function = joined(frame.function);
    if (frame.module != kNone<ModuleId>) {
      const Module& module = grouping_.tables().modules[frame.module];
      frame.module = table_.builder_.module({joined(module.name), module.build_id});
    }
    return static_cast<Row>(table_.builder_.child(kRoot, table_.builder_.frame(frame)));
  }

  StringId joined(StringId own) {
    if (own == kNone<StringId>) return own;
    StringId& id = strings_[own];
    if (id == kNone<StringId>) id = table_.builder_.string(grouping_.tables().strings[own]);
    return id;
  }

  const Grouping& grouping_;
  SeriesTable& table_;
  IdVector<StringId, StringId> strings_;
  IdVector<NodeId, NodeId> nodes_;  // by traceback
  std::vector<FrameView> views_;
};

SeriesTable::SeriesTable(Selection selection, std::size_t snapshots)
    : selection_(std::move(selection)),
      amounts_(snapshots),
      totals_(snapshots),
      processes_(snapshots) {}

void SeriesTable::add(std::size_t index, const Snapshot& snapshot) {
  const ReportBuilder builder(std::array{&snapshot}, selection_);
  const Accumulated<Amount> sums = builder.accumulate(0);
  Report description;
  builder.describe(description, 0, 0);

  const std::lock_guard lock(mutex_);
  totals_[index] = sums.total;
  processes_[index] = process_of(snapshot.metadata);
  join_description(description);
  std::vector<Amount>& amounts = amounts_[index];
  Names names(builder.grouping(), *this);
  for (const GroupId group : ids_of(sums.groups)) {
    if (sums.groups[group] == Amount()) continue;
    const Row row = names.row_of(group);
    if (row >= amounts.size()) amounts.resize(std::max<std::size_t>(row + 1, amounts.size() * 2));
    amounts[row].size += sums.groups[group].size;
    amounts[row].count += sums.groups[group].count;
  }
}

// A filter had no effect where it had none in any snapshot.
void SeriesTable::join_description(const Report& description) {
  if (!is_described_) {
    description_ = description;
    is_described_ = true;
    return;
  }
  Report& joined = description_;
  joined.hidden_frames_ = std::max(joined.hidden_frames_, description.hidden_frames_);
  joined.machinery_frames_ = std::max(joined.machinery_frames_, description.machinery_frames_);
  joined.hidden_size_ = std::max(joined.hidden_size_, description.hidden_size_);
  joined.is_estimate_ |= description.is_estimate_;
  std::erase_if(joined.unmatched_, [&](const UnmatchedFilter& filter) {
    return std::none_of(description.unmatched_.begin(), description.unmatched_.end(),
                        [&](const UnmatchedFilter& other) {
                          return other.option == filter.option && other.value == filter.value;
                        });
  });
}

// Makes the lines of older snapshots those of the last one, where that is asked for.
IdVector<FrameId, std::uint32_t> SeriesTable::follow(std::shared_ptr<const Tracebacks>& tables) {
  const bool has_lines =
      selection_.group_by == GroupBy::lineno || selection_.group_by == GroupBy::traceback;
  if (!has_lines || !may_move(processes_, selection_.match)) return {};
  std::vector<SnapshotNodes> snapshots;
  for (std::size_t i = 0; i < amounts_.size(); ++i) {
    SnapshotNodes& own = snapshots.emplace_back();
    own.process = processes_[i];
    own.used.resize(tables->nodes.size());
    for (std::size_t row = 0; row < std::min(amounts_[i].size(), own.used.size()); ++row) {
      own.used[NodeId{static_cast<Row>(row)}] = amounts_[i][row] == Amount() ? 0 : 1;
    }
  }
  FollowedLines followed = follow_lines(tables, std::move(snapshots), selection_.match);
  tables = std::move(followed.tables);
  for (std::size_t i = 0; i < amounts_.size(); ++i) {
    const IdVector<NodeId, NodeId>& node_of = followed.node_of[i];
    if (node_of.empty()) continue;
    const std::vector<Amount> own = std::exchange(amounts_[i], {});
    amounts_[i].resize(tables->nodes.size());
    for (std::size_t row = 0; row < std::min(own.size(), node_of.size()); ++row) {
      Amount& amount = amounts_[i][index_of(node_of[NodeId{static_cast<Row>(row)}])];
      amount.size += own[row].size;
      amount.count += own[row].count;
    }
  }
  description_.moved_lines_ = followed.lines;
  return std::move(followed.former);
}

SeriesColumns SeriesTable::finish(Report& report, std::int64_t min_size) {
  const std::size_t snapshots = amounts_.size();
  const bool by_domain = selection_.group_by == GroupBy::domain;
  auto tables = std::make_shared<const Tracebacks>(builder_.take());
  IdVector<FrameId, std::uint32_t> former = follow(tables);
  SeriesColumns columns{.snapshots = snapshots,
                        .grouping = std::make_shared<const Grouping>(
                            selection_.group_by, tables, domains_.take(), std::move(former))};
  const Grouping& grouping = *columns.grouping;
  columns.size.resize(grouping.size() * snapshots);
  columns.count.resize(grouping.size() * snapshots);
  std::vector<char> is_held(grouping.size());
  // Some rows of all snapshots, then the next ones, so that both sides stay in the cache.
  constexpr std::size_t kBatch = 64;
  const std::size_t rows = by_domain ? grouping.size() : tables->nodes.size();
  for (std::size_t begin = 0; begin < rows; begin += kBatch) {
    for (std::size_t i = 0; i < snapshots; ++i) {
      const std::size_t end = std::min({begin + kBatch, rows, amounts_[i].size()});
      for (std::size_t row = begin; row < end; ++row) {
        const Amount& amount = amounts_[i][row];
        if (amount == Amount()) continue;
        const auto id = static_cast<std::uint32_t>(row);
        const std::size_t group = index_of(by_domain ? GroupId{id} : grouping.group_of(NodeId{id}));
        columns.size[group * snapshots + i] += amount.size;
        columns.count[group * snapshots + i] += amount.count;
        is_held[group] = 1;
      }
    }
  }
  columns.groups = marked_groups(is_held);
  description_.selection_ = selection_;
  report = description_;
  report.min_size_ = min_size;
  report.groups_ = columns.groups.size();
  report.grouping_ = columns.grouping;
  return columns;
}

}  // namespace memtrace
