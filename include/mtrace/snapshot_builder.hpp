// Builds snapshots, for example for a reader of another format.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// Fills the tables of tracebacks. Interns strings, modules, frames and nodes: equal things get
// equal ids. Each call is a hash look-up; the indexes cost 8 to 16 bytes per entry while the
// builder lives.
//
// Throws Error if a table would outgrow its 32-bit ids.
class MTRACE_API TracebackBuilder {
 public:
  TracebackBuilder();
  // Continues existing tables, which must be free of duplicates.
  explicit TracebackBuilder(Tracebacks tables);
  ~TracebackBuilder();
  TracebackBuilder(const TracebackBuilder&) = delete;
  TracebackBuilder& operator=(const TracebackBuilder&) = delete;

  StringId string(std::string_view text);
  ModuleId module(const Module& module);
  FrameId frame(const Frame& frame);
  NodeId child(NodeId parent, FrameId frame);

  // Adds everything in `other`. Returns a map from other's nodes to this builder's nodes.
  IdVector<NodeId, NodeId> absorb(const Tracebacks& other);

  // The node that stands for an unknown traceback: one frame, "<unknown>", line 0.
  NodeId unknown_node();

  [[nodiscard]] const Tracebacks& tables() const { return tables_; }
  // Leaves the builder empty.
  Tracebacks take();

 private:
  struct Indexes;

  Tracebacks tables_;
  std::unique_ptr<Indexes> indexes_;
};

// Adds up blocks, one by one or many at once, and builds a snapshot of them:
//
//   SnapshotBuilder builder;
//   const FrameId main = builder.frame("main.c", 12, "main");
//   const FrameId load = builder.frame("load.c", 30, "load");
//   builder.add(builder.traceback({main, load}), builder.domain(0), Metric::live, {4096, 1});
//   write_snapshot(builder.finish(), "a.zst");
//
// Text is UTF-8. Throws Error if a table would outgrow its 32-bit ids.
class MTRACE_API SnapshotBuilder {
 public:
  // The snapshot has these metrics, each for all its rows.
  explicit SnapshotBuilder(const std::vector<Metric>& metrics = {Metric::live});
  ~SnapshotBuilder();
  SnapshotBuilder(const SnapshotBuilder&) = delete;
  SnapshotBuilder& operator=(const SnapshotBuilder&) = delete;

  // The process and the moment, as far as they are known.
  Metadata& metadata();
  // For frames that are addresses in modules, and for tracebacks that grow frame by frame.
  TracebackBuilder& tracebacks();

  // A frame of source code.
  FrameId frame(std::string_view filename, std::uint32_t lineno, std::string_view function = {});
  // The oldest frame comes first. Without frames, the traceback is unknown.
  NodeId traceback(const std::vector<FrameId>& frames);
  DomainId domain(std::uint32_t number, std::string_view name = {});

  // Blocks of the same traceback and domain become one row. Throws Error for a negative amount, for
  // sums past 2^63, and for a metric that the snapshot lacks.
  void add(NodeId traceback, DomainId domain, Metric metric, Amount amount);

  // What was added is an estimate from samples: its variance, in bytes squared and in blocks
  // squared. Variances of one row add up. Throws Error for a metric that the snapshot lacks.
  void add_variance(NodeId traceback, DomainId domain, Metric metric, double size, double count);

  // A valid snapshot (see validate()). Leaves the builder empty.
  Snapshot finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace memtrace
