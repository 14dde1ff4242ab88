#include "read/tracemalloc_dump.hpp"

#include <fmt/format.h>

#include "mtrace/error.hpp"
#include "read/byte_stream.hpp"
#include "read/dump_shapes.hpp"
#include "read/pickle_machine.hpp"
#include "read/pickle_opcodes.hpp"

namespace memtrace {

bool is_tracemalloc_dump(const OpenInput& input) {
  // Protocols 0 and 1 do not say so; nobody writes them by accident. The bound leaves room for
  // saying that a protocol is not known, and keeps out what only starts with the same byte.
  constexpr char kUnlikelyProtocol = 16;
  constexpr auto kProtocol = static_cast<char>(PickleOpcode::protocol);
  return input.start.starts_with(kProtocol) &&
         (input.start.size() == 1 || (input.start[1] >= 0 && input.start[1] < kUnlikelyProtocol));
}

Snapshot read_tracemalloc_dump(OpenInput& input, const ReadOptions& options) {
  if (options.metric.value_or(Metric::live) != Metric::live) {
    throw Error(fmt::format("a tracemalloc dump has no {} metric: it records only what is alive",
                            name_of(*options.metric)));
  }
  ByteStream stream(input.bytes);
  DumpShapes shapes(stream);
  PickleMachine machine(stream, shapes);
  return shapes.finish(machine.run());
}

SnapshotInfo info_of_tracemalloc_dump(OpenInput& input) {
  ByteStream stream(input.bytes);
  DumpShapes shapes(stream);
  PickleMachine machine(stream, shapes);
  machine.run_to_first_class();
  SnapshotInfo info;
  info.kind = SnapshotKind::tracemalloc;
  info.format = fmt::format("pickle protocol {}", machine.protocol());
  info.metadata.kind = SnapshotKind::tracemalloc;
  return info;
}

}  // namespace memtrace
