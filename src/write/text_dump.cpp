#include "write/text_dump.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/utf8.hpp"
#include "model/memory_amounts.hpp"

namespace memtrace {
namespace {

using Write = std::function<void(std::string_view)>;

std::string quoted(std::string_view text) {
  std::string result = "\"";
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    if (next.value == U'"' || next.value == U'\\') {
      result += '\\';
      append_utf8(result, next.value);
    } else if (next.value < 0x20 || next.value == 0x7F || is_surrogate(next.value)) {
      result += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(next.value));
    } else {
      result += text.substr(0, next.size);
    }
    text.remove_prefix(next.size);
  }
  return result + '"';
}

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
  return text;
}

template <class T>
void dump_value(const Write& write, std::string_view key, const T& value) {
  write(fmt::format("{} {}\n", key, value));
}

template <class T>
void dump_known(const Write& write, std::string_view key, const std::optional<T>& value) {
  if (value) dump_value(write, key, *value);
}

void dump_metadata(const Write& write, const Metadata& metadata) {
  dump_value(write, "kind", name_of(metadata.kind));
  if (!metadata.program.empty()) dump_value(write, "program", quoted(metadata.program));
  for (const std::string& argument : metadata.command) {
    dump_value(write, "argument", quoted(argument));
  }
  dump_known(write, "pid", metadata.pid);
  if (!metadata.host.empty()) dump_value(write, "host", quoted(metadata.host));
  dump_known(write, "started", metadata.started);
  dump_known(write, "created", metadata.created);
  dump_known(write, "traceback_limit", metadata.traceback_limit);
  dump_known(write, "current", metadata.current);
  dump_known(write, "peak", metadata.peak);
  dump_known(write, "tracer_memory", metadata.tracer_memory);
  dump_known(write, "sampling_rate", metadata.sampling_rate);
  dump_value(write, "merged", metadata.merged);
  dump_value(write, "truncated_tracebacks", metadata.losses.truncated_tracebacks);
  dump_value(write, "dropped_blocks", metadata.losses.dropped_blocks);
  dump_value(write, "unknown_frees", metadata.losses.unknown_frees);
  if (metadata.losses.missing_threads > 0) {
    dump_value(write, "missing_threads", metadata.losses.missing_threads);
  }
  dump_known(write, "work", metadata.work);
  for (const auto& [name, value] : metadata.labels) {
    write(fmt::format("label {} {}\n", quoted(name), quoted(value)));
  }
  for (const auto& [name, amount] : kMemoryAmounts) {
    dump_known(write, name, metadata.memory.*amount);
  }
  if (!metadata.memory.allocator.empty()) {
    dump_value(write, "allocator", quoted(metadata.memory.allocator));
  }
}

std::string frame_line(const Tracebacks& tables, const Frame& frame) {
  std::string line = "  ";
  if (frame.is_address()) {
    line += fmt::format("+{:#x}{}", frame.offset,
                        frame.kind == FrameKind::exact_address ? " exact" : "");
  } else {
    line += frame.filename == kNone<StringId> ? "?" : quoted(tables.strings[frame.filename]);
    line += fmt::format(":{}", frame.lineno);
  }
  if (frame.function != kNone<StringId>) line += " in " + quoted(tables.strings[frame.function]);
  if (frame.module != kNone<ModuleId>) {
    line += " of " + quoted(tables.strings[tables.modules[frame.module].name]);
  }
  if (frame.kind == FrameKind::inlined) line += " inlined";
  return line + "\n";
}

void dump_traceback(const Write& write, const Tracebacks& tables, NodeId node) {
  std::vector<FrameId> frames;
  for (; node != kRoot; node = tables.nodes[node].parent)
    frames.push_back(tables.nodes[node].frame);
  std::for_each(frames.rbegin(), frames.rend(),
                [&](FrameId frame) { write(frame_line(tables, tables.frames[frame])); });
}

void dump_row(const Write& write, const Snapshot& snapshot, std::size_t row) {
  const Rows& rows = snapshot.rows;
  std::string line = fmt::format("row domain={}", snapshot.domains[rows.domain[row]].number);
  for (const Metric metric : kMetrics) {
    if (!rows[metric]) continue;
    const Column& column = *rows[metric];
    line += fmt::format(" {}={}/{}", name_of(metric), column.size[row], column.count[row]);
    if (column.is_estimate()) {
      line += fmt::format(" variance={}/{}", column.size_variance[row], column.count_variance[row]);
    }
  }
  write(line + "\n");
  dump_traceback(write, snapshot.tracebacks, rows.node[row]);
}

}  // namespace

void write_text_dump(const Snapshot& snapshot, const Write& write) {
  dump_metadata(write, snapshot.metadata);
  for (const Module& module : snapshot.tracebacks.modules) {
    write(fmt::format("module {} build_id={}\n", quoted(snapshot.tracebacks.strings[module.name]),
                      hexadecimal(module.build_id)));
  }
  for (const Domain& domain : snapshot.domains) {
    write(fmt::format("domain {} {}\n", domain.number, quoted(domain.name)));
  }
  for (const TimelinePoint& point : snapshot.timeline) {
    write(fmt::format("time {} {}\n", point.time, point.current));
  }
  for (const MemoryPoint& point : snapshot.memory_timeline) {
    std::string line = fmt::format("memory {}", point.time);
    if (point.resident) line += fmt::format(" resident={}", *point.resident);
    if (point.held) line += fmt::format(" held={}", *point.held);
    write(line + "\n");
  }
  for (std::size_t row = 0; row < snapshot.rows.size(); ++row) dump_row(write, snapshot, row);
}

}  // namespace memtrace
