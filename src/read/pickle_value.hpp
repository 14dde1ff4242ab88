// What the objects of a tracemalloc dump have become, in eight bytes each.
#pragma once

#include <cstdint>
#include <string_view>

#include "mtrace/ids.hpp"

namespace memtrace {

// The strings that have a meaning of their own in a dump. They may be file names as well.
enum class DumpWord : std::uint8_t {
  tracemalloc,      // the module
  snapshot,         // "Snapshot", its class
  traces_class,     // "_Traces", the other class
  traces,           // attribute of Snapshot
  traceback_limit,  // the same
  trace_items,      // "_traces", attribute of _Traces
};

// An object of the pickle, by what it means. Immutable and complete when it is made, so it can be
// copied at will and nothing in the pickle can refer to itself.
//
// A dump has one trace for each block of memory and keeps them all in its memo: that is why a value
// has eight bytes and no pointer. Numbers have bit 63 clear, traces have bits 63 and 62 set,
// everything else has 10 there, then 4 bits of kind, 26 of detail and 32 of id.
class PickleValue {
 public:
  enum class Kind : std::uint8_t {
    word,         // id: DumpWord
    string,       // id: StringId
    dump_class,   // id: DumpWord
    empty_tuple,  // of a traceback, of traces, or of arguments
    frame,        // id: FrameId
    traceback,    // id: NodeId; detail: frames
    large_trace,  // id: place in a table, as the trace does not fit
    trace_list,
    trace_tuple,
    dict,    // id: place in a table
    object,  // id: DumpWord, of its class
    number,
    trace,
  };

  static constexpr std::uint32_t kMaxDetail = (std::uint32_t{1} << 26) - 1;
  static constexpr std::uint32_t kMaxTraceRow = (std::uint32_t{1} << 29) - 1;
  static constexpr std::uint64_t kMaxTraceSize = 0xFFFFFFFF;

  PickleValue() = default;

  // Less than 2^63.
  static PickleValue number(std::uint64_t number) { return PickleValue(number); }

  // At most kMaxTraceRow and kMaxTraceSize. The rest goes to a table.
  static PickleValue trace(std::uint32_t row, std::uint64_t size, bool truncated) {
    return PickleValue(kTraceBits | std::uint64_t{truncated} << 61 | std::uint64_t{row} << 32 |
                       size);
  }

  template <class Id>
  static PickleValue of(Kind kind, Id id, std::uint32_t detail = 0) {
    return PickleValue(kOtherBits | static_cast<std::uint64_t>(kind) << 58 |
                       std::uint64_t{detail} << 32 | static_cast<std::uint32_t>(id));
  }

  [[nodiscard]] bool is_number() const { return bits_ >> 63 == 0; }
  [[nodiscard]] bool is_trace() const { return bits_ >> 62 == 3; }
  [[nodiscard]] bool is(Kind kind) const { return this->kind() == kind; }
  [[nodiscard]] Kind kind() const {
    if (is_number()) return Kind::number;
    if (is_trace()) return Kind::trace;
    return static_cast<Kind>(bits_ >> 58 & 0xF);
  }
  // As an error message calls it.
  [[nodiscard]] std::string_view name() const;

  [[nodiscard]] std::uint64_t number() const { return bits_; }
  [[nodiscard]] std::uint32_t trace_row() const {
    return static_cast<std::uint32_t>(bits_ >> 32) & kMaxTraceRow;
  }
  [[nodiscard]] std::uint32_t trace_size() const { return static_cast<std::uint32_t>(bits_); }
  [[nodiscard]] bool trace_is_truncated() const { return (bits_ >> 61 & 1) != 0; }
  template <class Id>
  [[nodiscard]] Id id() const {
    return static_cast<Id>(static_cast<std::uint32_t>(bits_));
  }
  [[nodiscard]] std::uint32_t detail() const {
    return static_cast<std::uint32_t>(bits_ >> 32) & kMaxDetail;
  }

 private:
  static constexpr std::uint64_t kTraceBits = std::uint64_t{3} << 62;
  static constexpr std::uint64_t kOtherBits = std::uint64_t{2} << 62;

  explicit PickleValue(std::uint64_t bits) : bits_(bits) {}

  std::uint64_t bits_;
};

}  // namespace memtrace
