#include "python/extension/line_table.hpp"

#include <array>
#include <cstddef>

#include "runtime/container/keyed_hash.hpp"

// Until 3.11 the macros below are C's.
#pragma GCC diagnostic ignored "-Wold-style-cast"

namespace memtrace::python {
namespace {

std::uint32_t line_from_the_start(PyCodeObject* code, int offset) {
  const int line = PyCode_Addr2Line(code, offset);
  return line < 0 ? 0 : static_cast<std::uint32_t>(line);
}

#if PY_VERSION_HEX >= 0x030B0000

// Of the entries that a location table consists of: one for some instructions in a row. PEP 626,
// and Objects/locations.md of CPython, describe them.
enum EntryKind : std::uint8_t {
  one_line_below = 11,
  two_lines_below = 12,
  without_columns = 13,
  long_form = 14,
  without_line = 15,
};

constexpr unsigned kFirstByte = 0x80;
constexpr int kUnit = 2;  // bytes of what entries count

int read_signed(const std::uint8_t* byte) {
  constexpr unsigned kMore = 0x40, kBits = 6;
  unsigned value = *byte & (kMore - 1);
  for (unsigned shift = kBits; (*byte & kMore) != 0; shift += kBits) {
    value |= (*++byte & (kMore - 1)) << shift;
  }
  const int magnitude = static_cast<int>(value >> 1);
  return (value & 1) != 0 ? -magnitude : magnitude;
}

// A place in a code's location table, which has to be read from its beginning: that of a module of
// some thousand instructions, whose code runs from its first to its last, over and over.
class LineCursor {
 public:
  LineCursor() = default;
  LineCursor(PyCodeObject* code, std::uint32_t era)
      : code_(code),
        era_(era),
        next_(reinterpret_cast<const std::uint8_t*>(PyBytes_AS_STRING(code->co_linetable))),
        limit_(next_ + PyBytes_GET_SIZE(code->co_linetable)),
        computed_line_(code->co_firstlineno) {}

  [[nodiscard]] bool is_before(const PyCodeObject* code, int offset, std::uint32_t era) const {
    return code_ == code && era_ == era && begin_ <= offset;
  }
  std::uint32_t advance_to(int offset) {
    while (end_ <= offset && next_ < limit_) read_entry();
    return end_ <= offset || line_ < 0 ? 0 : static_cast<std::uint32_t>(line_);
  }

 private:
  void read_entry() {
    const unsigned first = *next_;
    const unsigned kind = first >> 3 & 0xF;
    switch (kind) {
      case one_line_below:
        computed_line_ += 1;
        break;
      case two_lines_below:
        computed_line_ += 2;
        break;
      case without_columns:
      case long_form:
        computed_line_ += read_signed(next_ + 1);
        break;
      default:
        break;
    }
    line_ = kind == without_line ? -1 : computed_line_;
    begin_ = end_;
    end_ += static_cast<int>((first & 7) + 1) * kUnit;
    do ++next_;
    while (next_ < limit_ && (*next_ & kFirstByte) == 0);
  }

  const PyCodeObject* code_ = nullptr;
  std::uint32_t era_ = 0;
  const std::uint8_t* next_ = nullptr;
  const std::uint8_t* limit_ = nullptr;
  int computed_line_ = 0;
  // Of the entry before `next_`: offsets in bytes, and its line.
  int begin_ = 0, end_ = 0;
  int line_ = -1;
};

constinit std::array<LineCursor, 64> cursors;

#endif

}  // namespace

std::uint32_t line_at(PyCodeObject* code, int offset, [[maybe_unused]] std::uint32_t era) {
#if PY_VERSION_HEX >= 0x030B0000
  if (era == 0 || offset < 0) return line_from_the_start(code, offset);
  LineCursor& cursor =
      cursors[runtime::scatter(reinterpret_cast<std::uintptr_t>(code)) % cursors.size()];
  if (!cursor.is_before(code, offset, era)) cursor = LineCursor(code, era);
  return cursor.advance_to(offset);
#else
  return line_from_the_start(code, offset);
#endif
}

}  // namespace memtrace::python
