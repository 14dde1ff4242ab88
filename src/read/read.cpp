#include "mtrace/read.hpp"

#include <array>
#include <memory>
#include <new>

#include "mtrace/error.hpp"
#include "read/input_format.hpp"

namespace memtrace {
namespace {

// In order of trial.
constexpr std::array kFormats = {&kMtraceSnapshot, &kTracemallocDump, &kPprofProfile,
                                 &kHeaptrackFile,  &kHeapProfile,     &kDhatProfile,
                                 &kMassifOutput,   &kMemrayCsv};

constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";
constexpr std::string_view kGzipMagic = "\x1F\x8B";

// Finds the format by content and calls `use(format, open_input)`.
template <class Use>
auto with_format(FileInput& file, const Use& use) {
  const std::string packed_start = read_up_to(file, kStartSize);
  PrefixedInput all(packed_start, file);
  if (packed_start.empty()) throw Error("it is empty");

  std::unique_ptr<UnpackingInput> unpacked;
  std::string_view encoding = "plain";
  if (packed_start.starts_with(kZstdMagic)) {
    unpacked = make_zstd_input(all);
    encoding = "zstd";
  } else if (packed_start.starts_with(kGzipMagic)) {
    unpacked = make_gzip_input(all);
    encoding = "gzip";
  }
  const std::string start = unpacked ? read_up_to(*unpacked, kStartSize) : packed_start;
  PrefixedInput unpacked_all(start, unpacked ? static_cast<Input&>(*unpacked) : file);
  OpenInput input{start, unpacked_all, encoding};
  for (const InputFormat* const format : kFormats) {
    if (!format->recognizes(input)) continue;
    if (unpacked && format->is_event_list) unpacked->allow_any_expansion();
    return use(*format, input);
  }
  throw Error(why_not_a_snapshot(start));
}

template <class Use>
auto with_path(const std::string& path, const Use& use) {
  try {
    return use();
  } catch (const Error& error) {
    throw error.in(path == "-" ? "standard input" : path);
  } catch (const std::bad_alloc&) {
    throw Error("it needs more memory than there is").in(path);
  }
}

}  // namespace

Snapshot read_snapshot(const std::string& path, const ReadOptions& options) {
  return with_path(path, [&] {
    FileInput file(path);
    file.on_progress(options.progress);
    return with_format(file, [&](const InputFormat& format, OpenInput& input) {
      return format.read(input, options);
    });
  });
}

SnapshotInfo read_info(const std::string& path, bool timelines) {
  return with_path(path, [&] {
    FileInput file(path);
    return with_format(file, [&](const InputFormat& format, OpenInput& input) {
      SnapshotInfo info = format.info(input, timelines);
      if (info.encoding.empty()) info.encoding = input.encoding;
      info.file_size = file.size();
      return info;
    });
  });
}

}  // namespace memtrace
