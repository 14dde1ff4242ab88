// Any bytes at all, as gzip ('g' in front) or zstd: an Error or the same bytes however they arrive.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/file_input.hpp"
#include "mtrace/error.hpp"
#include "support/piecewise_input.hpp"

namespace {

using namespace memtrace;

constexpr std::size_t kEnough = std::size_t{1} << 18;

// What comes out, and where reading failed if it did, read `step` bytes at a time.
std::string unpacked(std::string_view packed, bool gzip, std::size_t piece, std::size_t step) {
  test::PiecewiseInput source(packed, piece);
  const auto input = gzip ? make_gzip_input(source) : make_zstd_input(source);
  std::string text;
  try {
    while (text.size() < kEnough) {
      const std::string next = read_up_to(*input, step);
      text += next;
      if (next.size() < step) return text;
    }
  } catch (const Error&) {
    text = "error";
  }
  return text.substr(0, kEnough);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool gzip = data[0] == 'g';
  const std::string_view packed(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = unpacked(packed, gzip, packed.size() + 1, std::size_t{1} << 16);
  if (whole != unpacked(packed, gzip, 1 + size % 7, std::size_t{1} << 16)) std::abort();
  if (whole.size() < 4096 && whole != unpacked(packed, gzip, 3, 1) && whole != "error")
    std::abort();
  return 0;
}
