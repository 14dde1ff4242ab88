#include "mtrace/snapshot_builder.hpp"

#include <tsl/robin_set.h>
#include <xxhash.h>

#include <array>
#include <string>
#include <utility>

#include "model/row_builder.hpp"

namespace memtrace {
namespace {

std::uint64_t hash_of(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

std::uint64_t hash_of(const Frame& frame) {
  return FrameHash()(frame);
}

std::uint64_t hash_of(const Node& node) {
  return mix(index_of(node.parent), index_of(node.frame));
}

std::uint64_t hash_of(const Module& module) {
  return mix(hash_of(module.build_id), index_of(module.name));
}

bool equal(const Module& a, const Module& b) {
  return a == b;
}
bool equal(const Node& a, const Node& b) {
  return a.parent == b.parent && a.frame == b.frame;
}
bool equal(const Frame& a, const Frame& b) {
  return a == b;
}
bool equal(std::string_view a, std::string_view b) {
  return a == b;
}

// Hashes ids by what they stand for in a table, and such things themselves alike.
template <class Table, class Id>
struct ContentHash {
  const Table* table;

  std::size_t operator()(Id id) const { return hash_of((*table)[id]); }
  template <class T>
  std::size_t operator()(const T& value) const {
    return hash_of(value);
  }
};

template <class Table, class Id>
struct ContentEqual {
  using is_transparent = void;
  const Table* table;

  bool operator()(Id a, Id b) const { return a == b; }
  template <class T>
  bool operator()(const T& value, Id id) const {
    return equal(value, (*table)[id]);
  }
  template <class T>
  bool operator()(Id id, const T& value) const {
    return equal(value, (*table)[id]);
  }
};

// A set of ids that is searched by content. Keeping part of the hash beside the id saves a look at
// the table for most collisions.
template <class Table, class Id>
class ContentIndex {
 public:
  explicit ContentIndex(const Table& table) : ids_(0, Hash{&table}, Equal{&table}) {}

  void insert(Id id) { ids_.insert(id); }

  template <class T>
  [[nodiscard]] Id find(const T& value) const {
    const auto found = ids_.find(value);
    return found == ids_.end() ? kNone<Id> : *found;
  }

 private:
  using Hash = ContentHash<Table, Id>;
  using Equal = ContentEqual<Table, Id>;
  tsl::robin_set<Id, Hash, Equal, std::allocator<Id>, true> ids_;
};

void check_room(std::size_t used, const char* what) {
  if (used >= index_of(kNone<NodeId>)) {
    throw Error(std::string("more than 4294967295 distinct ") + what);
  }
}

}  // namespace

struct TracebackBuilder::Indexes {
  explicit Indexes(const Tracebacks& tables)
      : strings(tables.strings),
        modules(tables.modules),
        frames(tables.frames),
        nodes(tables.nodes) {}

  ContentIndex<StringTable, StringId> strings;
  ContentIndex<IdVector<ModuleId, Module>, ModuleId> modules;
  ContentIndex<IdVector<FrameId, Frame>, FrameId> frames;
  ContentIndex<IdVector<NodeId, Node>, NodeId> nodes;
};

TracebackBuilder::TracebackBuilder() : indexes_(std::make_unique<Indexes>(tables_)) {}

TracebackBuilder::TracebackBuilder(Tracebacks tables)
    : tables_(std::move(tables)), indexes_(std::make_unique<Indexes>(tables_)) {
  for (std::uint32_t i = 0; i < tables_.strings.size(); ++i) indexes_->strings.insert(StringId{i});
  for (const ModuleId module : ids_of(tables_.modules)) indexes_->modules.insert(module);
  for (const FrameId frame : ids_of(tables_.frames)) indexes_->frames.insert(frame);
  for (const NodeId node : ids_of(tables_.nodes)) {
    if (node != kRoot) indexes_->nodes.insert(node);
  }
}

TracebackBuilder::~TracebackBuilder() = default;

StringId TracebackBuilder::string(std::string_view text) {
  const StringId found = indexes_->strings.find(text);
  if (found != kNone<StringId>) return found;
  check_room(tables_.strings.size(), "strings");
  const StringId added = tables_.strings.add(text);
  indexes_->strings.insert(added);
  return added;
}

ModuleId TracebackBuilder::module(const Module& module) {
  const ModuleId found = indexes_->modules.find(module);
  if (found != kNone<ModuleId>) return found;
  check_room(tables_.modules.size(), "modules");
  const ModuleId added = tables_.modules.push_back(module);
  indexes_->modules.insert(added);
  return added;
}

FrameId TracebackBuilder::frame(const Frame& frame) {
  const FrameId found = indexes_->frames.find(frame);
  if (found != kNone<FrameId>) return found;
  check_room(tables_.frames.size(), "frames");
  const FrameId added = tables_.frames.push_back(frame);
  indexes_->frames.insert(added);
  return added;
}

NodeId TracebackBuilder::child(NodeId parent, FrameId frame) {
  const Node node{parent, frame};
  const NodeId found = indexes_->nodes.find(node);
  if (found != kNone<NodeId>) return found;
  check_room(tables_.nodes.size(), "tracebacks");
  const NodeId added = tables_.nodes.push_back(node);
  indexes_->nodes.insert(added);
  return added;
}

IdVector<NodeId, NodeId> TracebackBuilder::absorb(const Tracebacks& other) {
  IdVector<StringId, StringId> strings;
  strings.reserve(other.strings.size());
  for (std::uint32_t i = 0; i < other.strings.size(); ++i) {
    strings.push_back(string(other.strings[StringId{i}]));
  }
  const auto string_here = [&](StringId id) { return id == kNone<StringId> ? id : strings[id]; };

  IdVector<ModuleId, ModuleId> modules;
  for (const Module& module : other.modules) {
    modules.push_back(this->module({string_here(module.name), module.build_id}));
  }

  IdVector<FrameId, FrameId> frames;
  frames.reserve(other.frames.size());
  for (Frame frame : other.frames) {
    frame.filename = string_here(frame.filename);
    frame.function = string_here(frame.function);
    if (frame.module != kNone<ModuleId>) frame.module = modules[frame.module];
    frames.push_back(this->frame(frame));
  }

  IdVector<NodeId, NodeId> nodes(other.nodes.size(), kRoot);
  for (const NodeId node : ids_of(other.nodes)) {
    if (node == kRoot) continue;
    nodes[node] = child(nodes[other.nodes[node].parent], frames[other.nodes[node].frame]);
  }
  return nodes;
}

NodeId TracebackBuilder::unknown_node() {
  return child(kRoot, frame({.filename = string(kUnknownFilename)}));
}

Tracebacks TracebackBuilder::take() {
  Tracebacks taken = std::exchange(tables_, Tracebacks());
  indexes_ = std::make_unique<Indexes>(tables_);
  return taken;
}

// --- the whole snapshot ---

struct SnapshotBuilder::State {
  explicit State(std::vector<Metric> chosen) : metrics(std::move(chosen)) {
    for (const Metric metric : metrics) snapshot.rows[metric].emplace();
  }

  std::vector<Metric> metrics;
  Snapshot snapshot;  // its tables are the builders'
  TracebackBuilder tracebacks;
  DomainBuilder domains;
  RowBuilder rows;
  std::array<Amount, kMetrics.size()> totals;
};

SnapshotBuilder::SnapshotBuilder(const std::vector<Metric>& metrics)
    : state_(std::make_unique<State>(metrics)) {}

SnapshotBuilder::~SnapshotBuilder() = default;

Metadata& SnapshotBuilder::metadata() {
  return state_->snapshot.metadata;
}

TracebackBuilder& SnapshotBuilder::tracebacks() {
  return state_->tracebacks;
}

FrameId SnapshotBuilder::frame(std::string_view filename, std::uint32_t lineno,
                               std::string_view function) {
  TracebackBuilder& builder = state_->tracebacks;
  Frame frame;
  frame.filename = builder.string(filename);
  frame.lineno = lineno;
  if (!function.empty()) frame.function = builder.string(function);
  return builder.frame(frame);
}

NodeId SnapshotBuilder::traceback(const std::vector<FrameId>& frames) {
  TracebackBuilder& builder = state_->tracebacks;
  if (frames.empty()) return builder.unknown_node();
  NodeId node = kRoot;
  for (const FrameId frame : frames) node = builder.child(node, frame);
  return node;
}

DomainId SnapshotBuilder::domain(std::uint32_t number, std::string_view name) {
  return state_->domains.domain({number, std::string(name)});
}

void SnapshotBuilder::add(NodeId traceback, DomainId domain, Metric metric, Amount amount) {
  State& state = *state_;
  auto& column = state.snapshot.rows[metric];
  if (!column) throw Error("a snapshot without the metric " + std::string(name_of(metric)));
  if (amount.size < 0 || amount.count < 0) throw Error("a negative size or count");
  Amount& total = state.totals[static_cast<std::size_t>(metric)];
  total.size = checked_add(total.size, amount.size);
  total.count = checked_add(total.count, amount.count);
  const std::uint32_t row = state.rows.row(traceback, domain);
  if (row >= column->size.size()) extend(*column, state.rows.size(), column->is_estimate());
  column->size[row] += amount.size;
  column->count[row] += amount.count;
}

void SnapshotBuilder::add_variance(NodeId traceback, DomainId domain, Metric metric, double size,
                                   double count) {
  State& state = *state_;
  auto& column = state.snapshot.rows[metric];
  if (!column) throw Error("a snapshot without the metric " + std::string(name_of(metric)));
  const std::uint32_t row = state.rows.row(traceback, domain);
  extend(*column, state.rows.size(), true);
  column->size_variance[row] += size;
  column->count_variance[row] += count;
}

Snapshot SnapshotBuilder::finish() {
  Snapshot snapshot = std::move(state_->snapshot);
  snapshot.tracebacks = state_->tracebacks.take();
  snapshot.domains = state_->domains.take();
  for (auto& column : snapshot.rows.columns) {
    if (column) extend(*column, state_->rows.size(), column->is_estimate());
  }
  state_->rows.move_to(snapshot.rows);
  validate(snapshot);
  state_ = std::make_unique<State>(state_->metrics);
  return snapshot;
}

}  // namespace memtrace
