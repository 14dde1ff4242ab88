#include "read/common_traces.hpp"

#include "read/byte_stream.hpp"
#include "read/pickle_opcodes.hpp"

namespace memtrace {
namespace {

bool is_opcode(std::uint8_t byte, PickleOpcode opcode) {
  return byte == static_cast<std::uint8_t>(opcode);
}

// If the instruction at `at` pushes a number that is not negative: moves `at` behind it.
bool take_number(const std::uint8_t*& at, std::uint32_t& number) {
  switch (static_cast<PickleOpcode>(*at)) {
    case PickleOpcode::binary_int1:
      number = at[1];
      at += 2;
      return true;
    case PickleOpcode::binary_int2:
      number = ByteStream::little_endian_at<std::uint16_t>(at + 1);
      at += 3;
      return true;
    case PickleOpcode::binary_int4:
      number = ByteStream::little_endian_at<std::uint32_t>(at + 1);
      at += 5;
      return number >> 31 == 0;
    default:
      return false;
  }
}

// The same for a reference to the memo.
bool take_memo_index(const std::uint8_t*& at, std::uint32_t& index) {
  switch (static_cast<PickleOpcode>(*at)) {
    case PickleOpcode::memo_get1:
      index = at[1];
      at += 2;
      return true;
    case PickleOpcode::memo_get4:
      index = ByteStream::little_endian_at<std::uint32_t>(at + 1);
      at += 5;
      return true;
    default:
      return false;
  }
}

}  // namespace

std::size_t find_common_traces(const std::uint8_t* at, std::size_t remaining,
                               CommonTraces& traces) {
  constexpr std::size_t kMostBytes = 4 * 5 + 3;  // with TUPLE, MEMOIZE and the next mark
  const std::uint8_t* const end = at + remaining;
  std::size_t found = 0;
  while (found < traces.size() && static_cast<std::size_t>(end - at) >= kMostBytes) {
    CommonTrace& trace = traces[found];
    if (!take_number(at, trace.domain) || !take_number(at, trace.size) ||
        !take_memo_index(at, trace.traceback) || !take_number(at, trace.total_frames) ||
        !is_opcode(*at++, PickleOpcode::tuple)) {
      break;
    }
    trace.memoized = is_opcode(*at, PickleOpcode::memoize);
    if (trace.memoized) ++at;
    trace.end = at;
    const bool another = is_opcode(*at++, PickleOpcode::mark);
    // Without MEMOIZE, something else may follow that memoizes.
    if (trace.memoized || another) ++found;
    if (!another) break;
  }
  return found;
}

}  // namespace memtrace
