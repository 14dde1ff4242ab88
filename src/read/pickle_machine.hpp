// Interprets the instructions of a pickle, as far as a tracemalloc dump has them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "mtrace/ids.hpp"
#include "read/byte_stream.hpp"

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

// Those that a tracemalloc dump consists of. The byte's value is the instruction.
enum class PickleOpcode : std::uint8_t {
  mark = '(',
  stop = '.',
  protocol = 0x80,
  frame = 0x95,

  binary_int1 = 'K',  // unsigned
  binary_int2 = 'M',  // unsigned
  binary_int4 = 'J',  // signed
  long1 = 0x8A,       // signed, of up to 255 bytes
  short_unicode = 0x8C,
  unicode = 'X',
  unicode8 = 0x8D,

  memo_get1 = 'h',
  memo_get4 = 'j',
  memo_put1 = 'q',
  memo_put4 = 'r',
  memoize = 0x94,

  empty_tuple = ')',
  tuple = 't',
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  empty_list = ']',
  append = 'a',
  appends = 'e',
  empty_dict = '}',
  set_item = 's',
  set_items = 'u',

  global = 'c',
  stack_global = 0x93,
  new_object = 0x81,
  build = 'b',
};

// A stack with marks in it: what is below the innermost mark is out of reach.
class PickleStack {
 public:
  // `stream` is for the offsets in errors.
  explicit PickleStack(const ByteStream& stream) : stream_(stream) { values_.reserve(4096); }

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] bool has_marks() const { return marks_ != 0; }

  void push(PickleValue value) {
    if (values_.size() == limit_) raise_limit();
    values_.push_back(value);
  }
  void push_mark();
  // Returns how many values are above it.
  std::size_t pop_mark();

  // Throws Error unless so many values are above the innermost mark. The rest is for what is known
  // to be there.
  void require(std::size_t values) const;
  [[nodiscard]] PickleValue back() const { return values_.back(); }
  PickleValue pop() {
    const PickleValue value = values_.back();
    values_.pop_back();
    return value;
  }
  [[nodiscard]] std::span<const PickleValue> top(std::size_t values) const {
    return std::span(values_).last(values);
  }
  void drop(std::size_t values) { values_.resize(values_.size() - values); }

 private:
  // CPython cuts tracebacks at 65535 frames, and a dump has four marks open at most.
  static constexpr std::size_t kMaxMarks = 16;
  static constexpr std::size_t kMaxLooseValues = std::size_t{1} << 19;
  static constexpr std::size_t kMaxTraces = std::size_t{1} << 24;

  void raise_limit();

  const ByteStream& stream_;
  std::vector<PickleValue> values_;
  std::size_t limit_ = 2 * kMaxLooseValues;
  std::array<std::size_t, kMaxMarks> mark_{};  // sizes below each mark
  std::size_t marks_ = 0;
};

// A memo has an entry for each block of memory. It grows by chunks, because a vector would need up
// to three times their size while it grows; and a chunk that is full and holds nothing but traces,
// as nearly all do, is packed to the fewest bytes a trace that hold its largest row and size: four
// where there are some ten thousand rows and the blocks are small.
class PickleMemo {
 public:
  [[nodiscard]] std::uint64_t size() const { return size_; }

  void append(PickleValue value) {
    if (size_ != 0 && size_ % kChunkSize == 0) pack_filling();
    filling_[size_ % kChunkSize] = value;
    ++size_;
  }

  // `index` is less than size().
  [[nodiscard]] PickleValue operator[](std::uint64_t index) const {
    const std::uint64_t chunk = index / kChunkSize;
    return chunk == chunks_.size() ? filling_[index % kChunkSize]
                                   : chunks_[chunk].value(index % kChunkSize);
  }

  void prefetch(std::uint64_t index) const {
    const std::uint64_t chunk = index / kChunkSize;
    if (chunk != chunks_.size()) chunks_[chunk].prefetch(index % kChunkSize);
  }

 private:
  static constexpr std::size_t kChunkSize = std::size_t{1} << 14;
  static constexpr std::size_t kWord = sizeof(PickleValue);

  // `bytes` of each value: kWord is a value as it is, less is a packed trace: size, then whether it
  // is truncated, then row.
  struct Chunk {
    std::unique_ptr<std::uint8_t[]> packed;
    std::uint32_t bytes = 0, size_bits = 0;

    [[nodiscard]] PickleValue value(std::size_t index) const {
      if (bytes == kWord) {
        PickleValue value;
        std::memcpy(&value, packed.get() + index * kWord, kWord);
        return value;
      }
      std::uint64_t bits = 0;
      std::memcpy(&bits, packed.get() + index * bytes, kWord);
      bits &= (std::uint64_t{1} << 8 * bytes) - 1;
      const std::uint64_t size = bits & ((std::uint64_t{1} << size_bits) - 1);
      return PickleValue::trace(static_cast<std::uint32_t>(bits >> (size_bits + 1)), size,
                                (bits >> size_bits & 1) != 0);
    }
    void prefetch(std::size_t index) const { __builtin_prefetch(packed.get() + index * bytes); }
  };

  void pack_filling();

  std::vector<Chunk> chunks_;
  std::unique_ptr<PickleValue[]> filling_ =
      std::make_unique_for_overwrite<PickleValue[]>(kChunkSize);
  std::uint64_t size_ = 0;
};

class DumpShapes;

// Not an unpickler: it calls nothing, looks up no class and builds no object that the pickle
// chooses. It has a stack and a memo of values, and asks the shapes what each object becomes.
//
// Memory: stack and memo have eight bytes an entry, and an entry needs at least two bytes of the
// pickle (an object and its place in the memo, or a reference to one), one for an empty tuple.
class PickleMachine {
 public:
  PickleMachine(ByteStream& stream, DumpShapes& shapes);

  // Reads to the end of the stream. Returns what the pickle holds.
  PickleValue run();
  // Reads only until it is clear which class the pickle is of.
  void run_to_first_class();

  [[nodiscard]] unsigned protocol() const { return protocol_; }

 private:
  void read_protocol();
  void execute(PickleOpcode opcode);
  [[noreturn]] void refuse(PickleOpcode opcode) const;

  // At a mark: reads the traces that it begins, if they are as they nearly always are.
  bool read_common_traces();
  void read_frame();
  void push_long();
  void push_string(std::uint64_t size);
  void push_memo(std::uint64_t index);
  void push_tuple(std::size_t size);
  void append(std::size_t size);
  void set_items(std::size_t size);
  PickleValue finish();

  // Of an object that was made just now, and that may go to the memo, too.
  void push_new(PickleValue value);
  void memoize_otherwise(PickleValue value);

  static constexpr std::size_t kMaxClassName = 1000;  // bytes
  static constexpr std::uint64_t kMaxString = std::uint64_t{16} << 20;

  ByteStream& stream_;
  DumpShapes& shapes_;
  PickleStack stack_;
  PickleMemo memo_;
  std::uint64_t frame_end_ = 0;  // offset
  unsigned protocol_ = 0;
};

}  // namespace memtrace
