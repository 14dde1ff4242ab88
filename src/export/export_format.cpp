#include "export/export_format.hpp"

#include <fmt/format.h>

#include <array>

#include "render/escape.hpp"

namespace memtrace {
namespace {

constexpr std::array kFormats = {
    ExportFormat{"pprof", "pprof's profile.proto, in gzip: go tool pprof, Pyroscope, Parca", true,
                 true, export_pprof},
    ExportFormat{"speedscope", "https://www.speedscope.app", false, true, export_speedscope},
    ExportFormat{"folded", "a line a traceback: flamegraph.pl, difffolded.pl", false, true,
                 export_folded},
    ExportFormat{"dhat", "Valgrind's DHAT: dh_view.html, Firefox Profiler", false, false,
                 export_dhat},
    ExportFormat{"ndjson", "a JSON object a line: DuckDB, ClickHouse", false, true, export_ndjson},
    ExportFormat{"csv", "the same as a table", false, true, export_csv},
};

constexpr std::uint64_t kRowsBetweenLooks = 1024;

}  // namespace

std::span<const ExportFormat> export_formats() {
  return kFormats;
}

void ExportInput::for_each_row(std::size_t snapshot,
                               const std::function<void(const SelectedRow&)>& visit) const {
  std::uint64_t done = 0;
  rows.for_each(snapshot, [&](const SelectedRow& row) {
    if (progress && ++done % kRowsBetweenLooks == 0) progress(done);
    visit(row);
  });
}

std::string frame_name(const FrameView& frame) {
  if (frame.function && !frame.function->empty()) return escaped(*frame.function);
  if (frame.offset) {
    return escaped(fmt::format("{}+{:#x}", frame.module.value_or(kUnknownFilename), *frame.offset));
  }
  const std::string_view place = frame.filename.value_or(frame.module.value_or(""));
  if (place.empty()) return std::string(kUnknownFilename);
  if (frame.lineno == 0) return escaped(place);
  return escaped(fmt::format("{}:{}", place, frame.lineno));
}

std::string command_of(const Metadata& metadata) {
  return metadata.command.empty() ? escaped(metadata.program) : shell_words(metadata.command);
}

std::string note_of_missing(Metric metric, std::string_view what) {
  return fmt::format("the snapshot has no {} metric: {}", name_of(metric), what);
}

}  // namespace memtrace
