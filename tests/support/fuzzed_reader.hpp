// What the fuzz targets of readers have in common.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "mtrace/error.hpp"
#include "read/input_format.hpp"
#include "support/piecewise_input.hpp"

namespace memtrace::test {

// What comes of the bytes: the error's message or the totals.
inline std::string outcome_of(const InputFormat& format, std::string_view bytes,
                              std::size_t piece) {
  PiecewiseInput all(bytes, piece);
  OpenInput input{bytes.substr(0, kStartSize), all, "plain"};
  static_cast<void>(format.recognizes(input));
  try {
    const Snapshot snapshot = format.read(input, {});
    validate(snapshot);
    std::string text = std::to_string(snapshot.rows.size());
    for (const Metric metric : kMetrics) {
      const auto& column = snapshot.rows[metric];
      if (column) text += " " + std::to_string(total_of(*column).size);
    }
    return text;
  } catch (const Error& error) {
    return error.what();
  }
}

// Any bytes at all are an Error or a valid snapshot, and the same one however they arrive.
inline int check_reader(const InputFormat& format, const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  PiecewiseInput all(bytes);
  OpenInput input{{}, all, "plain"};
  try {
    static_cast<void>(format.info(input, true));
  } catch (const Error&) {
    // Refused, as it may be.
  }
  const std::string outcome = outcome_of(format, bytes, size);
  if (outcome != outcome_of(format, bytes, 1 + size % 13)) std::abort();
  return 0;
}

}  // namespace memtrace::test
