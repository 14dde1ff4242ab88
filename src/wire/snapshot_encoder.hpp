// A snapshot's content as the sections of a file (formats/snapshot.md): the one encoder, for the
// runtime inside of a traced process and for the analysis.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/canonical_order.hpp"
#include "wire/format.hpp"
#include "wire/plain_tables.hpp"
#include "wire/section_encoder.hpp"
#include "wire/varint.hpp"

namespace memtrace::wire {

// Tables are what CanonicalOrder takes, and besides:
//
//   PlainMetadata metadata()                          for_each_argument(visit), of the command line
//   for_each_label(visit), as (name, value), ascending by name
//   size_t points()        PlainPoint point(i)        of the time line, oldest first
//   size_t memory_points() PlainMemoryPoint memory_point(i), the same of the process' memory
//
// Uses no heap, throws nothing of its own, and prints nothing.
template <class Tables>
class SnapshotEncoder {
 public:
  SnapshotEncoder(const Tables& tables, const EncodingMemory& memory, const EncodingOutput& output,
                  ZSTD_CCtx_s* compressor)
      : tables_(tables), order_(tables, memory), out_(memory, output, compressor) {}

  EncodingError run() {
    if (!order_.build() || !out_.prepare()) return EncodingError::no_memory;
    write_metadata();
    if (out_.error() != EncodingError::none) return out_.error();
    write_strings();
    write_modules();
    write_frames();
    write_nodes();
    write_domains();
    write_rows();
    write_timeline();
    write_variances();
    write_memory_timeline();
    out_.begin(Section::end);
    out_.finish(true);
    return out_.error();
  }

 private:
  static constexpr Key offset_key(Key key, std::size_t by) {
    return static_cast<Key>(static_cast<std::uint32_t>(key) + by);
  }
  static constexpr Section offset_section(Section section, std::size_t by) {
    return static_cast<Section>(static_cast<std::uint32_t>(section) + by);
  }
  // What is unknown is written as 0, so that the common values are small.
  static constexpr std::uint64_t index_or_none(std::uint32_t index, std::size_t size) {
    return index < size ? std::uint64_t{index} + 1 : 0;
  }

  void text(Key key, std::string_view value) {
    out_.varint(static_cast<std::uint64_t>(key));
    out_.varint(value.size());
    out_.bytes(value);
    out_.end_item();
  }
  void text_if_known(Key key, std::string_view value) {
    if (!value.empty()) text(key, value);
  }
  void number(Key key, std::uint64_t value) {
    out_.varint(static_cast<std::uint64_t>(key));
    out_.varint(varint_size(value));
    out_.varint(value);
    out_.end_item();
  }
  void number_if_known(Key key, const std::optional<std::uint64_t>& value) {
    if (value) number(key, *value);
  }

  void write_metadata() {
    const PlainMetadata metadata = tables_.metadata();
    out_.set_minor_version(minor_version(metadata));
    out_.begin(Section::metadata);
    number(Key::kind, metadata.kind);
    text_if_known(Key::program, metadata.program);
    tables_.for_each_argument(
        [this](std::string_view argument) { text(Key::command_argument, argument); });
    number_if_known(Key::pid, metadata.pid);
    text_if_known(Key::host, metadata.host);
    number_if_known(Key::started, metadata.started);
    number_if_known(Key::created, metadata.created);
    number_if_known(Key::traceback_limit, metadata.traceback_limit);
    number_if_known(Key::current, metadata.current);
    number_if_known(Key::peak, metadata.peak);
    number_if_known(Key::tracer_memory, metadata.tracer_memory);
    number_if_known(Key::sampling_rate, metadata.sampling_rate);
    if (metadata.merged != 1) number(Key::merged, metadata.merged);
    number(Key::truncated_tracebacks, metadata.truncated_tracebacks);
    number(Key::dropped_blocks, metadata.dropped_blocks);
    number(Key::unknown_frees, metadata.unknown_frees);
    if (metadata.missing_threads != 0) number(Key::missing_threads, metadata.missing_threads);
    number_if_known(Key::work, metadata.work);
    tables_.for_each_label([this](std::string_view name, std::string_view value) {
      out_.varint(static_cast<std::uint64_t>(Key::label));
      out_.varint(varint_size(name.size()) + name.size() + value.size());
      out_.varint(name.size());
      out_.bytes(name);
      out_.bytes(value);
      out_.end_item();
    });
    write_counts();
    for (std::size_t i = 0; i < kMemoryAmounts; ++i) {
      number_if_known(offset_key(Key::resident, i), metadata.memory.amounts[i]);
    }
    text_if_known(Key::allocator, metadata.memory.allocator);
    out_.finish();
  }

  // The lowest that has all kinds and keys of the file.
  [[nodiscard]] std::uint16_t minor_version(const PlainMetadata& metadata) const {
    bool has_label = false;
    tables_.for_each_label([&](std::string_view, std::string_view) { has_label = true; });
    const bool is_newer =
        has_label || metadata.work || metadata.memory.is_known() || tables_.memory_points() > 0;
    return is_newer ? kMinorVersion : 0;
  }

  void write_counts() {
    number(Key::strings, order_.strings().size());
    number(Key::modules, order_.modules().size());
    number(Key::frames, order_.frames().size());
    number(Key::nodes, order_.nodes().size());
    number(Key::domains, order_.domains().size());
    number(Key::rows, order_.rows());
    std::uint64_t carried = 0;  // a sum that outgrows 63 bits has been in the 64th
    for (std::size_t column = 0; column < kColumns; ++column) {
      if (!tables_.has_column(column)) continue;
      std::uint64_t sum = 0;
      const auto value_of = tables_.values(column);
      for (const std::uint32_t row : order_.all_rows()) {
        sum += value_of(row);
        carried |= sum;
      }
      number(offset_key(Key::live_size, column), sum);
    }
    if (carried >> 63 != 0) out_.fail(EncodingError::too_large);
  }

  void write_strings() {
    out_.begin(Section::strings);
    for (const std::string_view string : order_.strings()) {
      out_.varint(string.size());
      out_.bytes(string);
      out_.end_item();
    }
    out_.finish();
  }

  void write_modules() {
    out_.begin(Section::modules);
    for (const PlainModule& module : order_.modules()) {
      out_.varint(index_or_none(module.name, order_.strings().size()));
      out_.varint(module.build_id.size());
      out_.bytes(module.build_id);
      out_.end_item();
    }
    out_.finish();
  }

  void write_frames() {
    const std::size_t strings = order_.strings().size();
    out_.begin(Section::frames);
    for (const std::uint32_t frame_number : order_.frames()) {
      const PlainFrame frame = order_.frame(frame_number);
      out_.varint(static_cast<std::uint64_t>(frame.kind));
      out_.varint(index_or_none(frame.module, order_.modules().size()));
      if (frame.is_address()) {
        out_.varint(frame.offset);
      } else {
        out_.varint(index_or_none(frame.filename, strings));
        out_.varint(frame.lineno);
        out_.varint(index_or_none(frame.function, strings));
      }
      out_.end_item();
    }
    out_.finish();
  }

  void write_nodes() {
    out_.begin(Section::nodes);
    for (const auto& node : order_.nodes()) {
      out_.varint(node.up);
      out_.varint(node.frame);
      out_.end_item();
    }
    out_.finish();
  }

  void write_domains() {
    out_.begin(Section::domains);
    for (const std::uint32_t domain_number : order_.domains()) {
      const PlainDomain domain = tables_.domain(domain_number);
      out_.varint(domain.number);
      out_.varint(domain.name.size());
      out_.bytes(domain.name);
      out_.end_item();
    }
    out_.finish();
  }

  void write_rows() {
    out_.begin(Section::row_nodes);
    std::uint64_t before = 0;
    order_.for_each_place([&](std::uint32_t node, std::uint32_t /*domain*/) {
      out_.varint(node - before);
      before = out_.end_item() ? 0 : node;
    });
    out_.finish();
    out_.begin(Section::row_domains);
    order_.for_each_place([&](std::uint32_t /*node*/, std::uint32_t domain) {
      out_.varint(domain);
      out_.end_item();
    });
    out_.finish();
    for (std::size_t column = 0; column < kColumns; ++column) {
      if (!tables_.has_column(column)) continue;
      out_.begin(offset_section(Section::live_size, column));
      order_.for_each_sum(tables_.values(column), [&](std::uint64_t sum) {
        out_.varint(sum);
        out_.end_item();
      });
      out_.finish();
    }
  }

  void write_variances() {
    for (std::size_t column = 0; column < kColumns; ++column) {
      if (!tables_.has_variance(column)) continue;
      out_.begin(offset_section(Section::live_size_variance, column));
      order_.for_each_sum(tables_.variances(column), [&](double sum) {
        const auto bits = std::bit_cast<std::array<char, sizeof(double)>>(sum);
        out_.bytes({bits.data(), bits.size()});
        out_.end_item();
      });
      out_.finish();
    }
  }

  void write_timeline() {
    out_.begin(Section::timeline);
    PlainPoint before;
    for (std::size_t i = 0; i < tables_.points(); ++i) {
      const PlainPoint point = tables_.point(i);
      out_.varint(point.time - before.time);
      out_.varint(zigzag(point.current - before.current));
      before = out_.end_item() ? PlainPoint() : point;
    }
    out_.finish();
  }

  void write_memory_timeline() {
    out_.begin(Section::memory_timeline);
    const auto or_none = [this](const std::optional<std::uint64_t>& amount) {
      out_.varint(amount ? *amount + 1 : 0);
    };
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < tables_.memory_points(); ++i) {
      const PlainMemoryPoint point = tables_.memory_point(i);
      out_.varint(point.time - before);
      or_none(point.resident);
      or_none(point.held);
      before = out_.end_item() ? 0 : point.time;
    }
    out_.finish();
  }

  const Tables& tables_;
  CanonicalOrder<Tables> order_;
  SectionEncoder out_;
};

}  // namespace memtrace::wire
