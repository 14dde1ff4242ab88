// mtrace's own snapshot file (formats/snapshot.md).
#include <fmt/format.h>
#include <zstd.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/byte_cursor.hpp"
#include "model/memory_amounts.hpp"
#include "mtrace/error.hpp"
#include "read/input_format.hpp"
#include "read/snapshot_sections.hpp"
#include "wire/format.hpp"
#include "wire/section_header.hpp"

namespace memtrace {
namespace {

using wire::Key;
using wire::Section;
using wire::SectionHeader;

// --- sections ---

// Goes through the sections of one file. Memory: one section packed and unpacked, 16 MiB each at
// the most, whatever the headers claim. Throws Error that names section and byte.
class SectionReader {
 public:
  explicit SectionReader(Input& input);
  ~SectionReader();
  SectionReader(const SectionReader&) = delete;
  SectionReader& operator=(const SectionReader&) = delete;

  // The next section's header; nullopt at the end of the file. The section before must have been
  // unpacked or skipped.
  std::optional<SectionHeader> next();
  // Valid until the next call.
  std::span<const std::uint8_t> unpack(const SectionHeader& header);
  void skip(const SectionHeader& header);

  // Where the section that was returned last begins, in bytes from the file's start.
  [[nodiscard]] std::uint64_t section_offset() const { return section_offset_; }

 private:
  [[noreturn]] void fail(const SectionHeader& header, const std::string& what) const;
  std::size_t fill(std::span<std::uint8_t> buffer);

  struct Decompressor;
  Input& input_;
  std::unique_ptr<Decompressor> decompressor_;
  std::vector<std::uint8_t> packed_, unpacked_;
  std::uint64_t position_ = 0, section_offset_ = 0, unpacked_in_all_ = 0;
};

struct SectionReader::Decompressor {
  Decompressor() = default;
  ~Decompressor() { ZSTD_freeDCtx(context); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  ZSTD_DCtx* const context = ZSTD_createDCtx();
};

SectionReader::SectionReader(Input& input)
    : input_(input), decompressor_(std::make_unique<Decompressor>()) {}

SectionReader::~SectionReader() = default;

std::size_t SectionReader::fill(std::span<std::uint8_t> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const std::size_t got = input_.read(buffer.subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  position_ += filled;
  return filled;
}

std::optional<SectionHeader> SectionReader::next() {
  section_offset_ = position_;
  wire::Front front;
  const std::size_t got = fill(front);
  if (got == 0) return std::nullopt;
  if (got < front.size())
    throw Error::at_byte(position_, "it ends in the middle of a section header");
  const auto header = wire::decode_front(front);
  if (!header) throw Error::at_byte(section_offset_, "damaged section header");
  if (header->major != wire::kMajorVersion) {
    throw Error(fmt::format("it is a snapshot of format version {}; this mtrace reads version {}",
                            header->major, wire::kMajorVersion));
  }
  if (header->raw_size > wire::kMaxRawSize) fail(*header, "it claims to be larger than 16 MiB");
  if (header->compressed_size > ZSTD_compressBound(wire::kMaxRawSize)) {
    fail(*header, "its compressed size is larger than any section's");
  }
  if (header->items > header->raw_size) fail(*header, "it claims more items than it has bytes");
  return header;
}

std::span<const std::uint8_t> SectionReader::unpack(const SectionHeader& header) {
  packed_.resize(header.compressed_size);
  if (fill(packed_) < packed_.size()) fail(header, "the file ends in the middle of it");
  if (ZSTD_getFrameContentSize(packed_.data(), packed_.size()) != header.raw_size) {
    fail(header, "its size is not the one that its header says");
  }
  unpacked_.resize(header.raw_size);
  const std::size_t size = ZSTD_decompressDCtx(decompressor_->context, unpacked_.data(),
                                               unpacked_.size(), packed_.data(), packed_.size());
  if (ZSTD_isError(size)) fail(header, fmt::format("damaged data: {}", ZSTD_getErrorName(size)));
  if (size != header.raw_size) fail(header, "its size is not the one that its header says");
  unpacked_in_all_ += size;
  check_expansion(position_, unpacked_in_all_);
  return unpacked_;
}

void SectionReader::skip(const SectionHeader& header) {
  try {
    input_.skip(header.compressed_size);
  } catch (const Error&) {
    fail(header, "the file ends in the middle of it");
  }
  position_ += header.compressed_size;
}

void SectionReader::fail(const SectionHeader& header, const std::string& what) const {
  throw Error::at_byte(section_offset_,
                       fmt::format("{} section: {}", wire::name_of(header.section), what));
}

// --- metadata ---

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
  const std::uint64_t number = number_in(value);
  for (const SnapshotKind kind : kSnapshotKinds) {
    if (static_cast<std::uint64_t>(kind) == number) return kind;
  }
  throw Error("a snapshot of an unknown kind, " + std::to_string(number) +
              ": a newer mtrace may be able to read it");
}

Amount& present(std::optional<Amount>& amount) {
  return amount ? *amount : amount.emplace();
}

void add_label(std::map<std::string, std::string>& labels, std::string_view value) {
  ByteCursor cursor({reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
  const std::string name(cursor.bytes(cursor.varint()));
  if (name.empty()) throw Error("a label without a name");
  if (!labels.empty() && labels.rbegin()->first >= name) throw Error("labels out of order");
  labels.emplace(name, cursor.bytes(cursor.remaining()));
}

void decode_memory(ProcessMemory& memory, Key key, std::string_view value) {
  const std::size_t index = static_cast<std::size_t>(key) - static_cast<std::size_t>(Key::resident);
  if (key < Key::resident || index >= kMemoryAmounts.size()) return;
  memory.*kMemoryAmounts[index].amount = static_cast<std::uint64_t>(signed_number_in(value));
}

// A list of keys, long but flat.
// NOLINTNEXTLINE(readability-function-size)
void decode_item(SnapshotHeader& header, Key key, std::string_view value) {
  Metadata& metadata = header.metadata;
  switch (key) {
    case Key::kind:
      metadata.kind = kind_in(value);
      break;
    case Key::program:
      metadata.program = value;
      break;
    case Key::command_argument:
      metadata.command.emplace_back(value);
      break;
    case Key::pid:
      metadata.pid = number_in(value);
      break;
    case Key::host:
      metadata.host = value;
      break;
    case Key::started:
      metadata.started = signed_number_in(value);
      break;
    case Key::created:
      metadata.created = signed_number_in(value);
      break;
    case Key::traceback_limit:
      metadata.traceback_limit = number_in(value);
      break;
    case Key::current:
      metadata.current = number_in(value);
      break;
    case Key::peak:
      metadata.peak = number_in(value);
      break;
    case Key::tracer_memory:
      metadata.tracer_memory = number_in(value);
      break;
    case Key::sampling_rate:
      metadata.sampling_rate = number_in(value);
      break;
    case Key::merged:
      metadata.merged = number_in(value);
      break;
    case Key::truncated_tracebacks:
      metadata.losses.truncated_tracebacks = number_in(value);
      break;
    case Key::dropped_blocks:
      metadata.losses.dropped_blocks = number_in(value);
      break;
    case Key::unknown_frees:
      metadata.losses.unknown_frees = number_in(value);
      break;
    case Key::missing_threads:
      metadata.losses.missing_threads = number_in(value);
      break;
    case Key::work:
      metadata.work = number_in(value);
      break;
    case Key::label:
      add_label(metadata.labels, value);
      break;
    case Key::allocator:
      metadata.memory.allocator = value;
      break;
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
      decode_memory(metadata.memory, key, value);  // or it is a later minor version's
  }
}

// Throws Error, with offsets into the section.
SnapshotHeader decode_metadata(std::span<const std::uint8_t> payload, std::uint32_t items) {
  SnapshotHeader header;
  ByteCursor cursor(payload);
  for (std::uint32_t i = 0; i < items; ++i) {
    const std::uint64_t raw_key = cursor.varint();
    const std::string_view value = cursor.bytes(cursor.varint());
    if (raw_key > std::numeric_limits<std::uint32_t>::max()) continue;
    decode_item(header, static_cast<Key>(raw_key), value);
  }
  if (!cursor.at_end()) cursor.fail("something follows its last item");
  return header;
}

// --- the format ---

// Unpacks a section and names it in whatever goes wrong while `decode(payload)` looks at it.
template <class Decode>
auto with_payload(SectionReader& sections, const SectionHeader& header, const Decode& decode) {
  const auto payload = sections.unpack(header);
  try {
    return decode(payload);
  } catch (const Error& error) {
    throw Error(fmt::format("{} section at byte {}: {}", name_of(header.section),
                            sections.section_offset(), error.what()));
  }
}

// The metadata section, which comes first.
SnapshotHeader read_header(SectionReader& sections, SectionHeader& header) {
  const auto first = sections.next();
  if (!first || first->section != Section::metadata) {
    throw Error::at_byte(0, "a snapshot file begins with its metadata section");
  }
  header = *first;
  return with_payload(sections, header, [&](std::span<const std::uint8_t> payload) {
    return decode_metadata(payload, header.items);
  });
}

bool recognizes(const OpenInput& input) {
  return wire::begins_section(
      {reinterpret_cast<const std::uint8_t*>(input.start.data()), input.start.size()});
}

Snapshot read(OpenInput& input, const ReadOptions& options) {
  SectionReader sections(input.bytes);
  SectionHeader header;
  SnapshotSections snapshot(read_header(sections, header), options);
  Section last = header.section;
  while (last != Section::end) {
    const auto next = sections.next();
    if (!next) throw Error::at_byte(sections.section_offset(), "the file was cut: no end section");
    if (wire::order_of(next->section) < wire::order_of(last)) {
      throw Error::at_byte(sections.section_offset(), "sections out of order");
    }
    const bool known = wire::is_known(next->section);
    if (known) last = next->section;
    if (known && snapshot.wants(next->section)) {
      with_payload(sections, *next, [&](std::span<const std::uint8_t> payload) {
        snapshot.decode(next->section, payload, next->items);
      });
    } else {
      sections.skip(*next);
    }
  }
  if (sections.next())
    throw Error::at_byte(sections.section_offset(), "data behind the end section");
  return snapshot.finish();
}

// The few sections of the time lines, among those that are skipped. A file that is damaged or cut
// behind its metadata can still be told about.
void read_timelines(SectionReader& sections, SnapshotInfo& info) {
  try {
    while (const auto next = sections.next()) {
      if (next->section == Section::end) return;
      const bool is_memory = next->section == Section::memory_timeline;
      if (!is_memory && next->section != Section::timeline) {
        sections.skip(*next);
        continue;
      }
      ByteCursor cursor(sections.unpack(*next));
      if (is_memory) {
        decode_memory_timeline(cursor, next->items, info.memory_timeline);
      } else {
        decode_timeline(cursor, next->items, info.timeline);
      }
    }
  } catch (const Error&) {
    info.timeline.clear();
    info.memory_timeline.clear();
  }
}

SnapshotInfo info_of(OpenInput& input, bool timelines) {
  SectionReader sections(input.bytes);
  SectionHeader header;
  SnapshotHeader declared = read_header(sections, header);
  SnapshotInfo info;
  info.kind = declared.metadata.kind;
  info.encoding = "zstd";
  info.format = fmt::format("mtrace snapshot {}.{}", header.major, header.minor);
  info.metadata = std::move(declared.metadata);
  info.counts = declared.counts;
  info.totals = declared.totals;
  if (timelines) read_timelines(sections, info);
  return info;
}

}  // namespace

constinit const InputFormat kMtraceSnapshot = {recognizes, read, info_of};

}  // namespace memtrace
