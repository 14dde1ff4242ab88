#include "read/snapshot_file.hpp"

#include <fmt/format.h>

#include "read/section_reader.hpp"
#include "read/snapshot_sections.hpp"

namespace memtrace {
namespace {

using wire::Section;
using wire::SectionHeader;

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

}  // namespace

bool is_snapshot_file(const OpenInput& input) {
  return wire::begins_section(
      {reinterpret_cast<const std::uint8_t*>(input.start.data()), input.start.size()});
}

Snapshot read_snapshot_file(OpenInput& input, const ReadOptions& options) {
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

SnapshotInfo info_of_snapshot_file(OpenInput& input) {
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
  return info;
}

}  // namespace memtrace
