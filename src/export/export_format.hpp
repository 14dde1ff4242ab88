// Snapshots in the formats of other tools: one row for each format, one file for each.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/selected_rows.hpp"
#include "mtrace/report.hpp"
#include "render/renderer.hpp"

namespace memtrace {

// What is exported. Of two snapshots, the first is what the second is compared with.
struct ExportInput {
  const SelectedRows& rows;
  Metric metric = Metric::live;      // where a format has room for one only, or shows one first
  std::vector<std::string> paths{};  // of the snapshots
  std::string exporter{};            // "mtrace 0.1.0"
  // Called now and then; rows of all passes over them.
  std::function<void(std::uint64_t done)> progress{};

  [[nodiscard]] bool is_comparison() const { return rows.snapshots() == 2; }
  // As SelectedRows::for_each(), with progress.
  void for_each_row(std::size_t snapshot,
                    const std::function<void(const SelectedRow&)>& visit) const;
};

// What the format could not say, for the user to know: a line each.
using ExportNotes = std::vector<std::string>;

struct ExportFormat {
  std::string_view name;  // the value of --to
  std::string_view meaning;
  bool is_binary;    // nothing for a terminal
  bool is_compared;  // takes two snapshots
  ExportNotes (*write)(const ExportInput& input, Sink& sink);
};

std::span<const ExportFormat> export_formats();

// The formats, one file each; rows_export.cpp has the last two.
ExportNotes export_pprof(const ExportInput& input, Sink& sink);
ExportNotes export_speedscope(const ExportInput& input, Sink& sink);
ExportNotes export_folded(const ExportInput& input, Sink& sink);
ExportNotes export_dhat(const ExportInput& input, Sink& sink);
ExportNotes export_ndjson(const ExportInput& input, Sink& sink);
ExportNotes export_csv(const ExportInput& input, Sink& sink);

// What formats have in common.

// A frame where there is room for one name: its function; where that is unknown, "FILE:LINE" or
// "MODULE+0xOFFSET". Harmless on a terminal and valid UTF-8.
std::string frame_name(const FrameView& frame);
// What ran: "/usr/bin/python3 app.py"; empty if unknown.
std::string command_of(const Metadata& metadata);
// "the snapshot has no total metric: alloc_space is left out".
std::string note_of_missing(Metric metric, std::string_view what);

}  // namespace memtrace
