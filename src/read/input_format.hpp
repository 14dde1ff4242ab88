// What every kind of snapshot that can be read has in common. Each is a file of this folder, which
// defines one InputFormat; read.cpp tries them in turn.
#pragma once

#include <string>
#include <string_view>

#include "base/file_input.hpp"
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
  // True when the content starts like this format. A file that merely starts so and is damaged
  // further on is this format's to complain about.
  bool (*recognizes)(const OpenInput& input);
  Snapshot (*read)(OpenInput& input, const ReadOptions& options);
  SnapshotInfo (*info)(OpenInput& input, bool timelines);
  // Reads events and keeps none: a file may be many times larger unpacked than any snapshot.
  bool is_event_list = false;
};

extern const InputFormat kMtraceSnapshot;   // mtrace's own .zst (formats/snapshot.md)
extern const InputFormat kTracemallocDump;  // what CPython's tracemalloc.Snapshot.dump() writes
extern const InputFormat kPprofProfile;     // pprof's profile.proto, of heaps
extern const InputFormat kHeaptrackFile;    // heaptrack's, raw or interpreted
extern const InputFormat kHeapProfile;   // jemalloc's and gperftools' heap profiles, Go's in text
extern const InputFormat kDhatProfile;   // DHAT's JSON, of heaps
extern const InputFormat kMassifOutput;  // massif.out
extern const InputFormat kMemrayCsv;     // what memray's transform csv writes

// What the file is that begins so and is of no such format, and what to do about it, as one
// sentence: "not a snapshot but a core dump: ...".
std::string why_not_a_snapshot(std::string_view start);

// How many first bytes `start` has, where the file is that long.
inline constexpr std::size_t kStartSize = 64;

}  // namespace memtrace
