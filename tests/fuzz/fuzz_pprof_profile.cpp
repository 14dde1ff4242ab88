// Any bytes at all, as a pprof profile: an Error or a valid snapshot, and the same one however the
// bytes arrive.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "mtrace/error.hpp"
#include "read/input_format.hpp"
#include "support/piecewise_input.hpp"

namespace {

using namespace memtrace;

// What came of it: the error's message or the totals.
std::string outcome(std::string_view bytes, std::size_t piece) {
  test::PiecewiseInput all(bytes, piece);
  OpenInput input{bytes.substr(0, kStartSize), all, "plain"};
  static_cast<void>(kPprofProfile.recognizes(input));
  try {
    const Snapshot snapshot = kPprofProfile.read(input, {});
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

void look_at_start(std::string_view bytes) {
  test::PiecewiseInput all(bytes);
  OpenInput input{{}, all, "plain"};
  try {
    static_cast<void>(kPprofProfile.info(input, true));
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  look_at_start(bytes);
  if (outcome(bytes, bytes.size()) != outcome(bytes, 1 + bytes.size() % 13)) std::abort();
  return 0;
}
