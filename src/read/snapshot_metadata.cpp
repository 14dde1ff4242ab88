#include "read/snapshot_metadata.hpp"

#include <limits>
#include <string>

#include "base/byte_cursor.hpp"
#include "mtrace/error.hpp"
#include "wire/format.hpp"

namespace memtrace {
namespace {

using wire::Key;

std::uint64_t number_in(std::string_view value) {
  ByteCursor cursor({reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
  const std::uint64_t number = cursor.varint();
  if (!cursor.at_end()) cursor.fail("a number is followed by something else");
  return number;
}

std::int64_t signed_number_in(std::string_view value) {
  const std::uint64_t number = number_in(value);
  if (number > std::numeric_limits<std::int64_t>::max()) throw Error("a size of 2^63 or more");
  return static_cast<std::int64_t>(number);
}

// What blocks of another kind mean is not known.
SnapshotKind kind_in(std::string_view value) {
  switch (const std::uint64_t kind = number_in(value)) {
    case 0:
      return SnapshotKind::mtrace;
    case 1:
      return SnapshotKind::tracemalloc;
    default:
      throw Error("a snapshot of an unknown kind, " + std::to_string(kind) +
                  ": a newer mtrace may be able to read it");
  }
}

// True where the key was one of the process'. A list of keys, long but flat.
// NOLINTNEXTLINE(readability-function-size)
bool decode_process(Metadata& metadata, Key key, std::string_view value) {
  switch (key) {
    case Key::kind:
      metadata.kind = kind_in(value);
      return true;
    case Key::program:
      metadata.program = value;
      return true;
    case Key::command_argument:
      metadata.command.emplace_back(value);
      return true;
    case Key::pid:
      metadata.pid = number_in(value);
      return true;
    case Key::host:
      metadata.host = value;
      return true;
    case Key::started:
      metadata.started = signed_number_in(value);
      return true;
    case Key::created:
      metadata.created = signed_number_in(value);
      return true;
    case Key::traceback_limit:
      metadata.traceback_limit = number_in(value);
      return true;
    case Key::current:
      metadata.current = number_in(value);
      return true;
    case Key::peak:
      metadata.peak = number_in(value);
      return true;
    case Key::tracer_memory:
      metadata.tracer_memory = number_in(value);
      return true;
    case Key::sampling_rate:
      metadata.sampling_rate = number_in(value);
      return true;
    case Key::merged:
      metadata.merged = number_in(value);
      return true;
    case Key::truncated_tracebacks:
      metadata.losses.truncated_tracebacks = number_in(value);
      return true;
    case Key::dropped_blocks:
      metadata.losses.dropped_blocks = number_in(value);
      return true;
    case Key::unknown_frees:
      metadata.losses.unknown_frees = number_in(value);
      return true;
    case Key::missing_threads:
      metadata.losses.missing_threads = number_in(value);
      return true;
    default:
      return false;
  }
}

Amount& present(std::optional<Amount>& amount) {
  return amount ? *amount : amount.emplace();
}

void decode_counts(SnapshotHeader& header, Key key, std::string_view value) {
  switch (key) {
    case Key::strings:
      header.counts.strings = number_in(value);
      break;
    case Key::modules:
      header.counts.modules = number_in(value);
      break;
    case Key::frames:
      header.counts.frames = number_in(value);
      break;
    case Key::nodes:
      header.counts.nodes = number_in(value);
      break;
    case Key::domains:
      header.counts.domains = number_in(value);
      break;
    case Key::rows:
      header.counts.rows = number_in(value);
      break;
    case Key::live_size:
      present(header.totals[0]).size = signed_number_in(value);
      break;
    case Key::live_count:
      present(header.totals[0]).count = signed_number_in(value);
      break;
    case Key::peak_size:
      present(header.totals[1]).size = signed_number_in(value);
      break;
    case Key::peak_count:
      present(header.totals[1]).count = signed_number_in(value);
      break;
    case Key::total_size:
      present(header.totals[2]).size = signed_number_in(value);
      break;
    case Key::total_count:
      present(header.totals[2]).count = signed_number_in(value);
      break;
    default:
      break;  // a later minor version's
  }
}

}  // namespace

SnapshotHeader decode_metadata(std::span<const std::uint8_t> payload, std::uint32_t items) {
  SnapshotHeader header;
  ByteCursor cursor(payload);
  for (std::uint32_t i = 0; i < items; ++i) {
    const std::uint64_t raw_key = cursor.varint();
    const std::string_view value = cursor.bytes(cursor.varint());
    if (raw_key > std::numeric_limits<std::uint32_t>::max()) continue;
    const Key key = static_cast<Key>(raw_key);
    if (!decode_process(header.metadata, key, value)) decode_counts(header, key, value);
  }
  if (!cursor.at_end()) cursor.fail("something follows its last item");
  return header;
}

}  // namespace memtrace
