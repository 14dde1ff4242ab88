// One row for every kind of snapshot that can be read.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/input.hpp"
#include "mtrace/read.hpp"

namespace memtrace {

// An input in the middle of being identified: its first bytes are known already. `bytes` gives the
// whole content, those first bytes included.
struct OpenInput {
  std::string_view start;     // the first bytes (unpacked, where the encoding is gzip or zstd)
  Input& bytes;               // unpacked
  std::string_view encoding;  // "plain", "gzip", "zstd"
};

struct InputFormat {
  std::string_view name;
  // True when the content starts like this format. A file that merely starts so and is damaged
  // further on is this format's to complain about.
  bool (*recognizes)(const OpenInput& input);
  Snapshot (*read)(OpenInput& input, const ReadOptions& options);
  SnapshotInfo (*info)(OpenInput& input);
};

// In order of trial.
std::span<const InputFormat> input_formats();

// How many first bytes `start` has, where the file is that long.
inline constexpr std::size_t kStartSize = 64;

}  // namespace memtrace
