// The numbers among a snapshot's metadata, by the names that Python knows them by.
#pragma once

#include "mtrace/snapshot.hpp"

namespace memtrace::python {

// Calls visit(name, number) for each; `number` is a reference, to an optional where it may be
// unknown.
template <class SnapshotMetadata, class Visit>
void for_each_number(SnapshotMetadata& metadata, Visit&& visit) {
  visit("pid", metadata.pid);
  visit("started_ns", metadata.started);
  visit("created_ns", metadata.created);
  visit("traceback_limit", metadata.traceback_limit);
  visit("current", metadata.current);
  visit("peak", metadata.peak);
  visit("tracer_memory", metadata.tracer_memory);
  visit("sampling_rate", metadata.sampling_rate);
  visit("merged", metadata.merged);
  visit("truncated_tracebacks", metadata.losses.truncated_tracebacks);
  visit("dropped_blocks", metadata.losses.dropped_blocks);
  visit("unknown_frees", metadata.losses.unknown_frees);
  visit("missing_threads", metadata.losses.missing_threads);
}

}  // namespace memtrace::python
