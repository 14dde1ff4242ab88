#include "runtime/snapshot/canonical_frames.hpp"

namespace memtrace::runtime {
namespace {

// Stands for the location of blocks without a traceback.
constexpr std::uint32_t kUnknownLocation = 0xFFFFFFFF;

}  // namespace

bool CanonicalFrames::build(bool with_unknown) {
  return name_things(with_unknown) && sort(with_unknown);
}

bool CanonicalFrames::name_things(bool with_unknown) {
  for (std::uint32_t location = 0; location < ids_.size(); ++location) {
    if (ids_[location] == 0 || data_.locations[location].kind != CodeLocation::Kind::source) {
      continue;
    }
    const SourceLine source = data_.locations[location].source();
    strings_.use(source.file);
    strings_.use(source.function);
  }
  return modules_.build() && strings_.build(modules_.modules(), with_unknown);
}

CanonicalFrame CanonicalFrames::frame_of(std::uint32_t location) const {
  using Kind = CanonicalFrame::Kind;
  CanonicalFrame frame;
  if (location == kUnknownLocation) {
    frame.file = strings_.unknown_name();
    return frame;
  }
  const CodeLocation& from = data_.locations[location];
  if (from.kind == CodeLocation::Kind::source) {
    const SourceLine source = from.source();
    frame.file = strings_.id_of(source.file);
    frame.line = source.line;
    frame.function = strings_.id_of(source.function);
    return frame;
  }
  frame.kind = from.is_exact() ? Kind::exact_address : Kind::return_address;
  frame.module = modules_.id_of(from.module);
  frame.offset = from.offset;
  return frame;
}

// Source lines by file, line, function; behind them addresses by module (unknown last), kind,
// offset.
CanonicalFrames::SortKey CanonicalFrames::key_of(const CanonicalFrame& frame) {
  if (frame.kind == CanonicalFrame::Kind::source) {
    return {frame.file, std::uint64_t{frame.line} << 32 | frame.function};
  }
  constexpr std::uint64_t kIsAddress = std::uint64_t{1} << 63;
  const bool exact = frame.kind == CanonicalFrame::Kind::exact_address;
  return {kIsAddress | std::uint64_t{frame.module} << 1 | (exact ? 1U : 0U), frame.offset};
}

bool CanonicalFrames::sort(bool with_unknown) {
  MappedArray<wire::KeyedItem> order, scratch;
  std::size_t used = with_unknown ? 1 : 0;
  for (const std::uint32_t mark : ids_.items()) used += mark;
  if (!order.allocate(used) || !scratch.allocate(used) || !frames_.allocate(used)) return false;
  std::size_t next = 0;
  if (with_unknown) order[next++].item = kUnknownLocation;
  for (std::uint32_t i = 0; i < ids_.size(); ++i) {
    if (ids_[i] != 0) order[next++].item = i;
  }
  for (wire::KeyedItem& entry : order) entry.key = key_of(frame_of(entry.item)).low;
  wire::radix_sort(order.items(), scratch.items());
  for (wire::KeyedItem& entry : order) entry.key = key_of(frame_of(entry.item)).high;
  wire::radix_sort(order.items(), scratch.items());
  number(order.items());
  return true;
}

void CanonicalFrames::number(std::span<const wire::KeyedItem> order) {
  std::uint32_t frames = 0;
  for (const wire::KeyedItem& entry : order) {
    const CanonicalFrame frame = frame_of(entry.item);
    if (frames > 0 && key_of(frame) == key_of(frames_[frames - 1])) {
      has_equal_ = true;
    } else {
      frames_[frames++] = frame;
    }
    (entry.item == kUnknownLocation ? unknown_ : ids_[entry.item]) = frames - 1;
  }
  frames_.shorten(frames);
}

}  // namespace memtrace::runtime
