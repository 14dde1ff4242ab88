// What CPython's tracemalloc.Snapshot.dump() writes: a pickle, read without executing it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/row_builder.hpp"
#include "mtrace/snapshot.hpp"
#include "mtrace/snapshot_builder.hpp"
#include "read/pickle_machine.hpp"

namespace memtrace {

// Folds the blocks of a dump into rows.
class TraceRows {
 public:
  TraceRows() : direct_domains_(kDirectDomains, kNone<DomainId>) {}

  std::uint32_t row(NodeId node, std::uint32_t domain_number) {
    return rows_.row(node, domain(domain_number));
  }

  // Asks for the memory that row() looks at first.
  void prefetch(NodeId node) const { rows_.prefetch(node); }

  // Before add_block() for rows that are new.
  void make_room() {
    sizes_.resize(rows_.size());
    counts_.resize(rows_.size());
  }
  // Throws Error where all sizes together pass 2^63.
  void add_block(std::uint32_t row, std::int64_t size) {
    total_ = checked_add(total_, size);
    sizes_[row] += size;
    ++counts_[row];
  }

  [[nodiscard]] std::int64_t total() const { return total_; }

  // Leaves this empty.
  void move_to(Snapshot& snapshot);

 private:
  static constexpr std::uint32_t kDirectDomains = 64;

  DomainId domain(std::uint32_t number) {
    if (number < kDirectDomains && direct_domains_[number] != kNone<DomainId>) {
      return direct_domains_[number];
    }
    return other_domain(number);
  }
  DomainId other_domain(std::uint32_t number);

  RowBuilder rows_;
  DomainBuilder domains_;
  std::vector<std::int64_t> sizes_, counts_;
  std::vector<DomainId> direct_domains_;  // by number
  std::int64_t total_ = 0;
};

// Makes a value of each object that the pickle describes, and refuses every object that a dump does
// not have. Frames and tracebacks go to the model at once, blocks when they are in the list of
// traces.
//
//   Snapshot object {'traces': _Traces object {'_traces': [trace...]}, 'traceback_limit': number}
//   trace: (domain, size, traceback) up to Python 3.8, then (domain, size, traceback, frames)
//   traceback: (frame...), the most recent frame first; frame: (file name, line number)
//
// Memory: what the model takes, whatever the pickle holds besides.
class DumpShapes {
 public:
  // `stream` is for the offsets in errors.
  explicit DumpShapes(const ByteStream& stream) : stream_(stream) {}

  PickleValue string(std::string_view text);
  PickleValue class_named(std::string_view module, std::string_view name);
  PickleValue class_named(PickleValue module, PickleValue name);

  // Not for the empty tuple.
  PickleValue tuple(std::span<const PickleValue> items);
  // The same as tuple() with four items, which are known to have these types.
  PickleValue trace(std::uint32_t domain, std::uint64_t size, PickleValue traceback,
                    std::uint64_t total_frames) {
    const std::uint32_t row = rows_.row(traceback.id<NodeId>(), domain);
    const bool truncated = total_frames > traceback.detail();
    if (row > PickleValue::kMaxTraceRow || size > PickleValue::kMaxTraceSize) {
      return large_trace({row, size, truncated});
    }
    return PickleValue::trace(row, size, truncated);
  }
  // Asks for the memory that trace() looks at.
  void prefetch_trace(PickleValue traceback) const { rows_.prefetch(traceback.id<NodeId>()); }

  PickleValue empty_list();
  void append(PickleValue list, std::span<const PickleValue> traces);
  PickleValue empty_dict();
  void set_item(PickleValue dict, PickleValue key, PickleValue value);
  PickleValue new_object(PickleValue object_class, PickleValue arguments);
  void build(PickleValue object, PickleValue state);

  // `root` is what the pickle holds in the end.
  Snapshot finish(PickleValue root);

 private:
  using Kind = PickleValue::Kind;

  struct LargeTrace {
    std::uint32_t row;
    std::uint64_t size;
    bool truncated;
  };
  struct State {  // of an object, under construction
    bool traces = false;
    bool trace_items = false;
    std::optional<std::uint64_t> traceback_limit;
  };
  struct Object {
    bool created = false, built = false;
  };

  PickleValue frame(std::span<const PickleValue> items);
  PickleValue traceback(std::span<const PickleValue> frames);
  PickleValue checked_trace(std::span<const PickleValue> items);
  PickleValue large_trace(LargeTrace trace);
  void add_blocks(std::span<const PickleValue> traces);
  void claim_traces();
  [[nodiscard]] std::string text_of(PickleValue string) const;
  Object& object(PickleValue value);
  [[noreturn]] void refuse(PickleValue value, std::string_view place) const;

  const ByteStream& stream_;
  TracebackBuilder builder_;
  TraceRows rows_;
  std::optional<NodeId> unknown_node_;
  std::vector<LargeTrace> large_traces_;
  std::uint64_t truncated_tracebacks_ = 0;
  bool has_traces_ = false;
  std::vector<State> states_;  // at most one for each class
  Object snapshot_, traces_;
  std::uint64_t traceback_limit_ = 0;
};

}  // namespace memtrace
