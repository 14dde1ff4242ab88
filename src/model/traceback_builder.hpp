// Fills the traceback tables and keeps them free of duplicates.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "mtrace/snapshot.hpp"

namespace memtrace {

// Interns strings, modules, frames and nodes: equal things get equal ids. Each call is a hash
// look-up; the indexes cost 8 to 16 bytes an entry and go away with the builder.
//
// Throws Error where a table would outgrow its 32-bit ids.
class TracebackBuilder {
 public:
  TracebackBuilder();
  // Goes on from existing tables, which must be free of duplicates themselves.
  explicit TracebackBuilder(Tracebacks tables);
  ~TracebackBuilder();
  TracebackBuilder(const TracebackBuilder&) = delete;
  TracebackBuilder& operator=(const TracebackBuilder&) = delete;

  StringId string(std::string_view text);
  ModuleId module(const Module& module);
  FrameId frame(const Frame& frame);
  NodeId child(NodeId parent, FrameId frame);

  // Adds everything that `other` holds. Returns other's node -> this builder's node.
  IdVector<NodeId, NodeId> absorb(const Tracebacks& other);

  // The node of a traceback without any frame: one frame, "<unknown>", line 0.
  NodeId unknown_node();

  [[nodiscard]] const Tracebacks& tables() const { return tables_; }
  // Leaves the builder empty.
  Tracebacks take();

 private:
  struct Indexes;

  Tracebacks tables_;
  std::unique_ptr<Indexes> indexes_;
};

}  // namespace memtrace
