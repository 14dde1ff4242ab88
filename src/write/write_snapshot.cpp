#include "mtrace/write.hpp"

#include <sys/mman.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <new>

#include "base/file_output.hpp"
#include "model/canonical.hpp"
#include "model/memory_amounts.hpp"
#include "mtrace/error.hpp"
#include "wire/snapshot_encoder.hpp"

namespace memtrace {
namespace {

constexpr int kCompressionLevel = 3;

template <class T>
std::optional<std::uint64_t> unsigned_number(const std::optional<T>& number) {
  return number ? std::optional(static_cast<std::uint64_t>(*number)) : std::nullopt;
}

wire::PlainMemory plain(const ProcessMemory& memory) {
  wire::PlainMemory result;
  for (std::size_t i = 0; i < kMemoryAmounts.size(); ++i) {
    result.amounts[i] = memory.*kMemoryAmounts[i].amount;
  }
  result.allocator = memory.allocator;
  return result;
}

// A snapshot as the encoder wants it.
class SnapshotTables {
 public:
  explicit SnapshotTables(const Snapshot& snapshot)
      : from_(snapshot), tables_(snapshot.tracebacks) {
    for (const Metric metric : kMetrics) {
      const std::optional<Column>& column = from_.rows[metric];
      if (!column) continue;
      const std::size_t first = 2 * static_cast<std::size_t>(metric);
      values_[first] = &column->size;
      values_[first + 1] = &column->count;
      variances_[first] = &column->size_variance;
      variances_[first + 1] = &column->count_variance;
    }
  }

  [[nodiscard]] wire::PlainMetadata metadata() const {
    const Metadata& from = from_.metadata;
    return {.kind = static_cast<std::uint64_t>(from.kind),
            .program = from.program,
            .pid = from.pid,
            .host = from.host,
            .started = unsigned_number(from.started),
            .created = unsigned_number(from.created),
            .traceback_limit = from.traceback_limit,
            .current = from.current,
            .peak = from.peak,
            .tracer_memory = from.tracer_memory,
            .sampling_rate = from.sampling_rate,
            .merged = from.merged,
            .truncated_tracebacks = from.losses.truncated_tracebacks,
            .dropped_blocks = from.losses.dropped_blocks,
            .unknown_frees = from.losses.unknown_frees,
            .missing_threads = from.losses.missing_threads,
            .work = from.work,
            .memory = plain(from.memory)};
  }
  template <class Visit>
  void for_each_argument(Visit&& visit) const {
    for (const std::string& argument : from_.metadata.command) visit(argument);
  }
  template <class Visit>
  void for_each_label(Visit&& visit) const {
    for (const auto& [name, value] : from_.metadata.labels) visit(name, value);
  }

  [[nodiscard]] std::uint32_t strings() const { return size_of(tables_.strings); }
  [[nodiscard]] std::string_view string(std::uint32_t i) const {
    return tables_.strings[StringId{i}];
  }

  [[nodiscard]] std::uint32_t modules() const { return size_of(tables_.modules); }
  [[nodiscard]] wire::PlainModule module(std::uint32_t i) const {
    return plain(tables_.modules[ModuleId{i}]);
  }

  [[nodiscard]] std::uint32_t frames() const { return size_of(tables_.frames); }
  [[nodiscard]] wire::PlainFrame frame(std::uint32_t i) const {
    return plain(tables_.frames[FrameId{i}]);
  }

  [[nodiscard]] std::uint32_t nodes() const { return size_of(tables_.nodes); }
  [[nodiscard]] wire::PlainNode node(std::uint32_t i) const {
    const Node& node = tables_.nodes[NodeId{i}];
    return {.parent = static_cast<std::uint32_t>(node.parent),
            .frame = static_cast<std::uint32_t>(node.frame)};
  }

  [[nodiscard]] std::uint32_t domains() const { return size_of(from_.domains); }
  [[nodiscard]] wire::PlainDomain domain(std::uint32_t i) const {
    const Domain& domain = from_.domains[DomainId{i}];
    return {.number = domain.number, .name = domain.name};
  }

  [[nodiscard]] std::uint32_t rows() const { return size_of(from_.rows); }
  [[nodiscard]] std::uint32_t row_node(std::uint32_t i) const {
    return static_cast<std::uint32_t>(from_.rows.node[i]);
  }
  [[nodiscard]] std::uint32_t row_domain(std::uint32_t i) const {
    return static_cast<std::uint32_t>(from_.rows.domain[i]);
  }
  [[nodiscard]] bool has_column(std::size_t column) const { return values_[column] != nullptr; }
  [[nodiscard]] auto values(std::size_t column) const {
    return [values = values_[column]->data()](std::uint32_t i) {
      return static_cast<std::uint64_t>(values[i]);
    };
  }
  [[nodiscard]] bool has_content(std::uint32_t i) const {
    return std::any_of(values_.begin(), values_.end(),
                       [i](const auto* values) { return values != nullptr && (*values)[i] != 0; });
  }
  [[nodiscard]] bool has_variance(std::size_t column) const {
    return variances_[column] != nullptr && !variances_[column]->empty();
  }
  [[nodiscard]] auto variances(std::size_t column) const {
    return [variances = variances_[column]->data()](std::uint32_t i) { return variances[i]; };
  }

  [[nodiscard]] std::size_t points() const { return from_.timeline.size(); }
  [[nodiscard]] wire::PlainPoint point(std::size_t i) const {
    const TimelinePoint& point = from_.timeline[i];
    return {.time = static_cast<std::uint64_t>(point.time), .current = point.current};
  }
  [[nodiscard]] std::size_t memory_points() const { return from_.memory_timeline.size(); }
  [[nodiscard]] wire::PlainMemoryPoint memory_point(std::size_t i) const {
    const MemoryPoint& point = from_.memory_timeline[i];
    return {.time = static_cast<std::uint64_t>(point.time),
            .resident = point.resident,
            .held = point.held};
  }

 private:
  template <class Table>
  static std::uint32_t size_of(const Table& table) {
    return static_cast<std::uint32_t>(table.size());
  }

  const Snapshot& from_;
  const Tracebacks& tables_;
  std::array<const std::vector<std::int64_t>*, wire::kColumns> values_{};
  std::array<const std::vector<double>*, wire::kColumns> variances_{};
};

using Compressor =
    std::unique_ptr<ZSTD_CCtx, decltype([](ZSTD_CCtx* context) { ZSTD_freeCCtx(context); })>;

Compressor make_compressor() {
  Compressor compressor(ZSTD_createCCtx());
  if (compressor == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_compressionLevel, kCompressionLevel);
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_checksumFlag, 1);
  return compressor;
}

// From here on the kernel's pages cost less than zeroing what the heap has used before.
constexpr std::size_t kMapped = std::size_t{256} << 10;

void* allocate_zeroed(std::size_t size) {
  if (size < kMapped) return std::calloc(size, 1);
  void* const pages =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

void release(void* bytes, std::size_t size) {
  if (size < kMapped) return std::free(bytes);
  munmap(bytes, size);
}

bool write_to(void* output, const char* data, std::size_t size) {
  static_cast<Output*>(output)->write({data, size});
  return true;
}

void check(wire::EncodingError error) {
  switch (error) {
    case wire::EncodingError::none:
    case wire::EncodingError::output:  // throws by itself
      return;
    case wire::EncodingError::no_memory:
      throw std::bad_alloc();
    case wire::EncodingError::too_long:
      throw Error("a name is longer than a snapshot file can hold (16 MiB)");
    case wire::EncodingError::too_large:
      throw Error("sizes add up to 2^63 bytes or more");
    case wire::EncodingError::compression:
      throw Error("zstd cannot compress it");
  }
}

void encode(const Snapshot& snapshot, Output& output) {
  constexpr wire::EncodingMemory kMemory = {.allocate = allocate_zeroed, .release = release};
  const Compressor compressor = make_compressor();
  const SnapshotTables tables(snapshot);
  check(wire::SnapshotEncoder(tables, kMemory, {.object = &output, .write = write_to},
                              compressor.get())
            .run());
}

}  // namespace

void write_snapshot(const Snapshot& snapshot, const std::string& path) {
  Output output(path);
  encode(snapshot, output);
  output.commit();
}

void replace_snapshot(const Snapshot& snapshot, const std::string& path) {
  Output output(path);
  output.take_over_time_and_owner();
  encode(snapshot, output);
  output.commit();
}

}  // namespace memtrace
