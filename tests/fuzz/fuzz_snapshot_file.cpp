// Any bytes at all, as a snapshot file: an Error or a valid snapshot that survives being written.
//
// Checksums would keep a fuzzer from ever reaching the decoders, so an input that begins with 'S'
// is taken as a list of sections, which are wrapped as a writer would wrap them:
//
//   'S' { kind u8, items u16, size u16, payload }...   (little-endian)
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "mtrace/error.hpp"
#include "read/input_format.hpp"
#include "support/canonical_snapshot.hpp"
#include "support/piecewise_input.hpp"
#include "wire/section_header.hpp"

namespace {

using namespace memtrace;

std::string compressed(std::string_view payload) {
  std::string packed(ZSTD_compressBound(payload.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), payload.data(), payload.size(), 1));
  return packed;
}

void append_section(std::string& file, wire::Section kind, std::uint32_t items,
                    std::string_view payload) {
  const std::string packed = compressed(payload);
  const wire::Front front = wire::encode_front({.section = kind,
                                                .items = items,
                                                .raw_size = payload.size(),
                                                .compressed_size = packed.size()});
  file.append(reinterpret_cast<const char*>(front.data()), front.size());
  file += packed;
}

std::string wrap_sections(std::string_view list) {
  const auto u8 = [&](std::size_t at) {
    return std::uint32_t{static_cast<std::uint8_t>(list[at])};
  };
  std::string file;
  while (list.size() >= 5) {
    const auto kind = static_cast<wire::Section>(u8(0));
    const std::uint32_t items = u8(1) | u8(2) << 8;
    const std::size_t size = std::min<std::size_t>(u8(3) | u8(4) << 8, list.size() - 5);
    append_section(file, kind, items, list.substr(5, size));
    list.remove_prefix(5 + size);
  }
  append_section(file, wire::Section::end, 0, {});
  return file;
}

void read_all(std::string_view file, const ReadOptions& options) {
  test::PiecewiseInput bytes(file);
  OpenInput input{file.substr(0, kStartSize), bytes, "plain"};
  static_cast<void>(kMtraceSnapshot.recognizes(input));
  try {
    const Snapshot snapshot = kMtraceSnapshot.read(input, options);
    validate(snapshot);
    const Snapshot again = test::canonical(snapshot);
    validate(again);
    for (const Metric each : kMetrics) {
      if (snapshot.rows[each] && total_of(*snapshot.rows[each]) != total_of(*again.rows[each])) {
        std::abort();
      }
    }
  } catch (const Error&) {
  }
}

void read_start(std::string_view file) {
  test::PiecewiseInput bytes(file);
  OpenInput input{file.substr(0, kStartSize), bytes, "plain"};
  try {
    static_cast<void>(kMtraceSnapshot.info(input, true));
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string file(reinterpret_cast<const char*>(data), size);
  if (file.starts_with('S')) file = wrap_sections(std::string_view(file).substr(1));
  read_all(file, {});
  read_all(file, {.metric = Metric::peak, .domains = false});
  read_start(file);
  return 0;
}
