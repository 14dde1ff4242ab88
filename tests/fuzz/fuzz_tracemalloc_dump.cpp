// Any bytes at all, as a tracemalloc dump: an Error or a valid snapshot, and the same one however
// the bytes arrive.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "mtrace/error.hpp"
#include "read/input_format.hpp"

namespace {

using namespace memtrace;

class PiecewiseInput : public Input {
 public:
  PiecewiseInput(std::span<const std::uint8_t> bytes, std::size_t piece)
      : bytes_(bytes), piece_(piece) {}
  std::size_t read(std::span<std::uint8_t> buffer) override {
    const std::size_t size = std::min({buffer.size(), bytes_.size(), piece_});
    if (size != 0) std::memcpy(buffer.data(), bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
    return size;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t piece_;
};

// What came of it: the error's message or the totals.
std::string outcome(std::span<const std::uint8_t> bytes, std::size_t piece) {
  PiecewiseInput all(bytes, piece);
  const std::string start(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(
                                                             std::min(kStartSize, bytes.size())));
  OpenInput input{start, all, "plain"};
  static_cast<void>(tracemalloc_dump.recognizes(input));
  try {
    const Snapshot snapshot = tracemalloc_dump.read(input, {});
    validate(snapshot);
    const Amount total = total_of(*snapshot.rows[Metric::live]);
    if (static_cast<std::uint64_t>(total.size) != snapshot.metadata.current) std::abort();
    return std::to_string(total.size) + " " + std::to_string(total.count) + " " +
           std::to_string(snapshot.rows.size());
  } catch (const Error& error) {
    return error.what();
  }
}

void look_at_start(std::span<const std::uint8_t> bytes) {
  PiecewiseInput all(bytes, bytes.size());
  OpenInput input{{}, all, "plain"};
  try {
    static_cast<void>(tracemalloc_dump.info(input));
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  look_at_start(bytes);
  if (outcome(bytes, bytes.size()) != outcome(bytes, 1 + bytes.size() % 13)) std::abort();
  return 0;
}
