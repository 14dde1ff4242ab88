#include "runtime/snapshot/snapshot_writer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

// A context in memory that the caller gives is declared for those who link zstd statically.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "runtime/os/floating_point.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/snapshot/whole_file.hpp"
#include "wire/snapshot_encoder.hpp"

namespace memtrace::runtime {
namespace {

// A third of the time that the analysis half's level 3 takes, for files that are hardly larger.
constexpr int kCompressionLevel = 1;

// The name of what blocks without a traceback belong to.
constexpr std::string_view kUnknownName = "<unknown>";

// What the tracer itself calls its domains; others have a number only.
constexpr std::string_view name_of_domain(std::uint32_t number) {
  switch (number) {
    case kPythonDomain:
      return "python";
    case kNativeDomain:
      return "native";
    case kMmapDomain:
      return "mmap";
    default:
      return {};
  }
}

// What a snapshot is written from, as the encoder wants it: the tracer's tables as they lie, and
// behind them what stands for blocks without a traceback: a string, a frame and a node.
class CopiedTables {
  static_assert(kNoText == wire::kNoIndex && kNoModule == wire::kNoIndex);

 public:
  explicit CopiedTables(const SnapshotData& data) : data_(data) {}

  // Once, before anything else. false where memory ran out.
  bool build() { return write_module_names() && number_domains(); }

  [[nodiscard]] wire::PlainMetadata metadata() const {
    const ProcessIdentity& process = process_identity();
    wire::PlainMetadata metadata;
    metadata.program = process.program;
    metadata.pid = static_cast<std::uint64_t>(process_id());
    metadata.host = process.host;
    metadata.started = data_.started;
    metadata.created = static_cast<std::uint64_t>(data_.created);
    metadata.traceback_limit = data_.traceback_limit;
    metadata.current = data_.current;
    metadata.peak = data_.peak;
    metadata.tracer_memory = data_.tracer_memory;
    if (data_.sampling_rate != 0) metadata.sampling_rate = data_.sampling_rate;
    metadata.truncated_tracebacks = data_.truncated_tracebacks;
    metadata.dropped_blocks = data_.dropped_blocks;
    metadata.unknown_frees = data_.unknown_frees;
    metadata.missing_threads = data_.missing_threads;
    if (data_.work >= 0) metadata.work = static_cast<std::uint64_t>(data_.work);
    metadata.memory = memory();
    return metadata;
  }
  template <class Visit>
  void for_each_label(Visit&& visit) const {
    for (const Label& label : data_.labels) visit(label.name, label.value);
  }
  template <class Visit>
  void for_each_argument(Visit&& visit) const {
    const std::string_view arguments = process_identity().arguments;
    const char* begin = arguments.data();
    for (const char& character : arguments) {
      if (character != '\0') continue;
      visit(std::string_view(begin, static_cast<std::size_t>(&character - begin)));
      begin = &character + 1;
    }
  }

  // Names of source lines, then of modules, then "<unknown>".
  [[nodiscard]] std::uint32_t strings() const { return unknown_string() + 1; }
  [[nodiscard]] std::string_view string(std::uint32_t i) const {
    if (i < data_.texts.size()) return data_.texts[i];
    return i == unknown_string() ? kUnknownName : module_names_[i - data_.texts.size()];
  }

  [[nodiscard]] std::uint32_t modules() const { return data_.modules.size(); }
  [[nodiscard]] wire::PlainModule module(std::uint32_t i) const {
    const ModuleRecord& record = data_.modules[i];
    return {
        .name = module_names_[i].empty() ? wire::kNoIndex : data_.texts.size() + i,
        .build_id = {reinterpret_cast<const char*>(record.build_id.data()), record.build_id_size}};
  }

  [[nodiscard]] std::uint32_t frames() const { return unknown_frame() + 1; }
  [[nodiscard]] wire::PlainFrame frame(std::uint32_t i) const {
    if (i == unknown_frame()) return {.filename = unknown_string()};
    const CodeLocation& from = data_.locations[i];
    if (from.kind == CodeLocation::Kind::source) {
      const SourceLine source = from.source();
      return {.filename = source.file, .lineno = source.line, .function = source.function};
    }
    return {.offset = from.offset,
            .module = from.module,
            .kind = from.is_exact() ? wire::PlainFrameKind::exact_address
                                    : wire::PlainFrameKind::return_address};
  }

  [[nodiscard]] std::uint32_t nodes() const { return unknown_node() + 1; }
  [[nodiscard]] wire::PlainNode node(std::uint32_t i) const {
    if (i == unknown_node()) return {.parent = 0, .frame = unknown_frame()};
    const NodeRecord& node = data_.nodes[i];
    return {.parent = node.parent, .frame = node.location};
  }

  [[nodiscard]] std::uint32_t domains() const {
    return static_cast<std::uint32_t>(domains_.size());
  }
  [[nodiscard]] wire::PlainDomain domain(std::uint32_t i) const {
    return {.number = domains_[i], .name = name_of_domain(domains_[i])};
  }

  [[nodiscard]] std::uint32_t rows() const { return static_cast<std::uint32_t>(data_.rows.size()); }
  [[nodiscard]] std::uint32_t row_node(std::uint32_t i) const {
    return data_.rows[i].node == 0 ? unknown_node() : data_.rows[i].node;
  }
  [[nodiscard]] std::uint32_t row_domain(std::uint32_t i) const { return row_domains_[i]; }
  [[nodiscard]] bool has_content(std::uint32_t i) const {
    const SnapshotRow& row = data_.rows[i];
    return row.live.size > 0 || row.live.count > 0 || row.peak.size > 0 || row.peak.count > 0 ||
           row.total.size > 0 || row.total.count > 0;
  }
  [[nodiscard]] static bool has_column(std::size_t /*column*/) { return true; }
  // Never negative in the file. A copy that is taken while the program runs could be, by a race.
  [[nodiscard]] auto values(std::size_t column) const {
    constexpr std::array kCounters = {&SnapshotRow::live, &SnapshotRow::peak, &SnapshotRow::total};
    return [rows = data_.rows.data(), counter = kCounters[column / 2],
            number = column % 2 == 0 ? &Counter::size : &Counter::count](std::uint32_t i) {
      return static_cast<std::uint64_t>(std::max<std::int64_t>(rows[i].*counter.*number, 0));
    };
  }
  [[nodiscard]] bool has_variance(std::size_t /*column*/) const { return data_.sampling_rate != 0; }
  [[nodiscard]] auto variances(std::size_t column) const {
    constexpr std::array kVariances = {&SnapshotRow::live_variance, &SnapshotRow::peak_variance,
                                       &SnapshotRow::total_variance};
    return [rows = data_.rows.data(), variance = kVariances[column / 2],
            number = column % 2 == 0 ? &Variance::size : &Variance::count](std::uint32_t i) {
      return std::max(rows[i].*variance.*number, 0.0);
    };
  }

  [[nodiscard]] std::size_t points() const { return data_.timeline.size(); }
  [[nodiscard]] wire::PlainPoint point(std::size_t i) const {
    const TracedPoint& point = data_.timeline[i];
    return {.time = static_cast<std::uint64_t>(point.time),
            .current = static_cast<std::uint64_t>(point.traced)};
  }

  [[nodiscard]] std::size_t memory_points() const { return data_.memory_timeline.size(); }
  [[nodiscard]] wire::PlainMemoryPoint memory_point(std::size_t i) const {
    const MemoryRecord& point = data_.memory_timeline[i];
    return {.time = static_cast<std::uint64_t>(point.time),
            .resident = if_known(point.resident),
            .held = if_known(point.held)};
  }

 private:
  static constexpr std::optional<std::uint64_t> if_known(std::int64_t bytes) {
    if (bytes == kUnknownBytes) return std::nullopt;
    return static_cast<std::uint64_t>(bytes);
  }
  // In the order of the keys.
  [[nodiscard]] wire::PlainMemory memory() const {
    const SystemMemory& system = data_.system;
    const std::array<std::int64_t, wire::kMemoryAmounts> amounts = {
        system.resident,     system.anonymous,     system.file,         system.shared,
        system.huge_pages,   system.resident_peak, system.swapped,      system.cgroup_use,
        system.cgroup_limit, data_.allocator.held, data_.allocator.free};
    wire::PlainMemory memory;
    for (std::size_t i = 0; i < amounts.size(); ++i) memory.amounts[i] = if_known(amounts[i]);
    memory.allocator = allocator_name();
    return memory;
  }

  [[nodiscard]] std::uint32_t unknown_string() const {
    return data_.texts.size() + data_.modules.size();
  }
  [[nodiscard]] std::uint32_t unknown_frame() const { return data_.locations.size(); }
  [[nodiscard]] std::uint32_t unknown_node() const { return data_.nodes.size(); }

  bool write_module_names() {
    std::size_t size = 0;
    for (const ModuleRecord& record : data_.modules) {
      if (record.path != nullptr) size += std::strlen(record.path) * kTextGrowth;
    }
    if (!name_bytes_.allocate(size) || !module_names_.allocate(data_.modules.size())) return false;
    char* text = name_bytes_.begin();
    for (std::uint32_t i = 0; i < data_.modules.size(); ++i) {
      const char* const path = data_.modules[i].path;
      if (path == nullptr) continue;
      module_names_[i] = {text, copy_as_text(path, text)};
      text += module_names_[i].size();
    }
    return true;
  }

  bool number_domains() {
    MappedArray<wire::KeyedItem> order, scratch;
    if (!order.allocate(rows()) || !scratch.allocate(rows()) || !domains_.allocate(rows()) ||
        !row_domains_.allocate(rows())) {
      return false;
    }
    std::size_t used = 0;
    for (std::uint32_t i = 0; i < rows(); ++i) {
      if (has_content(i)) order[used++] = {.key = data_.rows[i].domain, .item = i};
    }
    order.shorten(used);
    wire::radix_sort(order.items(), scratch.items());
    std::uint32_t domains = 0;
    for (const wire::KeyedItem& entry : order.items()) {
      const auto number = static_cast<std::uint32_t>(entry.key);
      if (domains == 0 || domains_[domains - 1] != number) domains_[domains++] = number;
      row_domains_[entry.item] = domains - 1;
    }
    domains_.shorten(domains);
    return true;
  }

  const SnapshotData& data_;
  MappedArray<char> name_bytes_;  // the modules' names as text, one behind the other
  MappedArray<std::string_view> module_names_;
  MappedArray<std::uint32_t> domains_;  // their numbers
  MappedArray<std::uint32_t> row_domains_;
};

// zstd in memory of its own.
class StaticCompressor {
 public:
  // Once. false where there is no memory.
  bool prepare() {
    if (!workspace_.allocate(ZSTD_estimateCCtxSize(kCompressionLevel))) return false;
    context_ = ZSTD_initStaticCCtx(workspace_.begin(), workspace_.size());
    if (context_ == nullptr) return false;
    // A static context does not begin with the usual parameters.
    const std::array results = {
        ZSTD_CCtx_reset(context_, ZSTD_reset_session_and_parameters),
        ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kCompressionLevel),
        ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1)};
    return std::none_of(results.begin(), results.end(),
                        [](std::size_t result) { return ZSTD_isError(result) != 0; });
  }
  [[nodiscard]] ZSTD_CCtx* context() const { return context_; }

 private:
  MappedArray<char> workspace_;
  ZSTD_CCtx* context_ = nullptr;
};

struct OutputFile {
  int descriptor = -1;
  int error = 0;
};

bool write_to(void* output, const char* data, std::size_t size) {
  auto& file = *static_cast<OutputFile*>(output);
  while (size > 0) {
    const long written = system_call(SYS_write, file.descriptor, data, size);
    if (written == -EINTR) continue;
    if (is_error(written)) {
      file.error = static_cast<int>(-written);
      return false;
    }
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

int write_snapshot_content(const SnapshotData& data, int file) {
  const OwnFloatingPoint own;
  OutputFile output = {.descriptor = file};
  CopiedTables tables(data);
  StaticCompressor compressor;
  if (!tables.build() || !compressor.prepare()) return ENOMEM;
  const wire::EncodingOutput out = {.object = &output, .write = write_to};
  const wire::EncodingError error =
      wire::SnapshotEncoder(tables, kTaskMemory, out, compressor.context()).run();
  if (output.error != 0) return output.error;
  return error == wire::EncodingError::none ? 0 : ENOMEM;
}

bool write_snapshot(const SnapshotData& data, const char* path, int* error) {
  WholeFile file;
  int number = 0;
  if (!file.create(path)) {
    number = file.error();
  } else {
    number = write_snapshot_content(data, file.descriptor());
    if (number == 0 && !(file.sync() && file.publish(path))) number = file.error();
  }
  if (error != nullptr) *error = number;
  return number == 0;
}

}  // namespace memtrace::runtime
