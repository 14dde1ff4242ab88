#include "read/pickle_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "read/tracemalloc_dump.hpp"

namespace memtrace {

// --- values and instructions ---

std::string_view PickleValue::name() const {
  switch (kind()) {
    case Kind::word:
    case Kind::string:
      return "a string";
    case Kind::dump_class:
      return "a class";
    case Kind::empty_tuple:
      return "an empty tuple";
    case Kind::frame:
      return "a frame";
    case Kind::traceback:
      return "a traceback";
    case Kind::trace_list:
      return "a list";
    case Kind::trace_tuple:
      return "a tuple of traces";
    case Kind::dict:
      return "a dict";
    case Kind::object:
      return "an object";
    case Kind::number:
      return "a number";
    case Kind::large_trace:
    case Kind::trace:
      return "a trace";
  }
  return "nothing";
}

namespace {

struct Name {
  std::uint8_t opcode;
  std::string_view name;
};

// In order of opcode.
constexpr auto kNames = std::to_array<Name>({
    {'(', "MARK"},          {')', "EMPTY_TUPLE"},
    {'.', "STOP"},          {'0', "POP"},
    {'1', "POP_MARK"},      {'2', "DUP"},
    {'B', "BINBYTES"},      {'C', "SHORT_BINBYTES"},
    {'F', "FLOAT"},         {'G', "BINFLOAT"},
    {'I', "INT"},           {'J', "BININT"},
    {'K', "BININT1"},       {'L', "LONG"},
    {'M', "BININT2"},       {'N', "NONE"},
    {'P', "PERSID"},        {'Q', "BINPERSID"},
    {'R', "REDUCE"},        {'S', "STRING"},
    {'T', "BINSTRING"},     {'U', "SHORT_BINSTRING"},
    {'V', "UNICODE"},       {'X', "BINUNICODE"},
    {']', "EMPTY_LIST"},    {'a', "APPEND"},
    {'b', "BUILD"},         {'c', "GLOBAL"},
    {'d', "DICT"},          {'e', "APPENDS"},
    {'g', "GET"},           {'h', "BINGET"},
    {'i', "INST"},          {'j', "LONG_BINGET"},
    {'l', "LIST"},          {'o', "OBJ"},
    {'p', "PUT"},           {'q', "BINPUT"},
    {'r', "LONG_BINPUT"},   {'s', "SETITEM"},
    {'t', "TUPLE"},         {'u', "SETITEMS"},
    {'}', "EMPTY_DICT"},    {0x80, "PROTO"},
    {0x81, "NEWOBJ"},       {0x82, "EXT1"},
    {0x83, "EXT2"},         {0x84, "EXT4"},
    {0x85, "TUPLE1"},       {0x86, "TUPLE2"},
    {0x87, "TUPLE3"},       {0x88, "NEWTRUE"},
    {0x89, "NEWFALSE"},     {0x8A, "LONG1"},
    {0x8B, "LONG4"},        {0x8C, "SHORT_BINUNICODE"},
    {0x8D, "BINUNICODE8"},  {0x8E, "BINBYTES8"},
    {0x8F, "EMPTY_SET"},    {0x90, "ADDITEMS"},
    {0x91, "FROZENSET"},    {0x92, "NEWOBJ_EX"},
    {0x93, "STACK_GLOBAL"}, {0x94, "MEMOIZE"},
    {0x95, "FRAME"},        {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},  {0x98, "READONLY_BUFFER"},
});

// As Python's pickletools calls it; empty for a byte that is no instruction.
std::string_view name_of_opcode(std::uint8_t opcode) {
  const auto* found = std::lower_bound(kNames.begin(), kNames.end(), opcode,
                                       [](const Name& a, std::uint8_t b) { return a.opcode < b; });
  return found != kNames.end() && found->opcode == opcode ? found->name : std::string_view();
}

}  // namespace

// --- the stack and the memo ---

void PickleStack::push_mark() {
  if (marks_ == kMaxMarks) {
    stream_.fail(fmt::format("{} marks are open: no tracemalloc dump has as many", marks_));
  }
  mark_[marks_++] = values_.size();
}

std::size_t PickleStack::pop_mark() {
  if (marks_ == 0) stream_.fail("a mark is missing");
  return values_.size() - mark_[--marks_];
}

void PickleStack::require(std::size_t values) const {
  const std::size_t below = marks_ == 0 ? 0 : mark_[marks_ - 1];
  if (values_.size() - below < values) stream_.fail("the pickle takes objects that are not there");
}

// Only the traces of a tuple may be many: CPython's own lists come in batches of a thousand.
void PickleStack::raise_limit() {
  if (values_.size() >= kMaxTraces) {
    stream_.fail(
        fmt::format("a tuple of more than {} traces: only a list may be longer", kMaxTraces));
  }
  const auto loose = std::count_if(values_.begin(), values_.end(), [](PickleValue value) {
    return !value.is_trace() && !value.is(PickleValue::Kind::large_trace);
  });
  if (static_cast<std::size_t>(loose) > kMaxLooseValues) {
    stream_.fail(fmt::format("{} objects are open: no tracemalloc dump has as many", loose));
  }
  limit_ *= 2;
}

void PickleMemo::pack_filling() {
  const std::span<const PickleValue> values(filling_.get(), kChunkSize);
  std::uint32_t largest_row = 0, largest_size = 0;
  bool only_traces = true;
  for (const PickleValue value : values) {
    only_traces = only_traces && value.is_trace();
    largest_row |= value.trace_row();
    largest_size |= value.trace_size();
  }
  Chunk chunk;
  chunk.size_bits = static_cast<std::uint32_t>(std::bit_width(largest_size));
  const auto bits = chunk.size_bits + 1 + static_cast<std::uint32_t>(std::bit_width(largest_row));
  chunk.bytes = only_traces ? std::min<std::uint32_t>((bits + 7) / 8, kWord) : kWord;
  // A value is read as a whole word, also the last one.
  chunk.packed = std::make_unique_for_overwrite<std::uint8_t[]>(kChunkSize * chunk.bytes + kWord);
  std::uint8_t* at = chunk.packed.get();
  for (const PickleValue value : values) {
    if (chunk.bytes == kWord) {
      std::memcpy(at, &value, kWord);
    } else {
      const std::uint64_t packed =
          (std::uint64_t{value.trace_row()} << 1 | (value.trace_is_truncated() ? 1U : 0U))
              << chunk.size_bits |
          value.trace_size();
      std::memcpy(at, &packed, kWord);
    }
    at += chunk.bytes;
  }
  chunks_.push_back(std::move(chunk));
}

// --- common traces ---

namespace {

// A trace as picklers write it since Python 3.9 and protocol 4: a mark, two numbers, a reference to
// its traceback in the memo, a number, TUPLE, MEMOIZE.
struct CommonTrace {
  std::uint32_t domain, size, traceback, total_frames;  // traceback: index into the memo
  bool memoized;
  const std::uint8_t* end;  // behind its last instruction
};

using CommonTraces = std::array<CommonTrace, 64>;

constexpr auto byte_of(PickleOpcode opcode) {
  return static_cast<std::uint8_t>(opcode);
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

// Fills `traces` with as many as follow each other. `at` is behind the first one's mark and has
// `remaining` bytes. Returns how many there are; anything else ends them and is left to whoever
// reads instruction by instruction, wrong or not.
std::size_t find_common_traces(const std::uint8_t* at, std::size_t remaining,
                               CommonTraces& traces) {
  constexpr std::size_t kMostBytes = 4 * 5 + 3;  // with TUPLE, MEMOIZE and the next mark
  const std::uint8_t* const end = at + remaining;
  std::size_t found = 0;
  while (found < traces.size() && static_cast<std::size_t>(end - at) >= kMostBytes) {
    CommonTrace& trace = traces[found];
    if (!take_number(at, trace.domain) || !take_number(at, trace.size) ||
        !take_memo_index(at, trace.traceback) || !take_number(at, trace.total_frames) ||
        *at++ != byte_of(PickleOpcode::tuple)) {
      break;
    }
    trace.memoized = *at == byte_of(PickleOpcode::memoize);
    if (trace.memoized) ++at;
    trace.end = at;
    const bool another = *at++ == byte_of(PickleOpcode::mark);
    // Without MEMOIZE, something else may follow that memoizes.
    if (trace.memoized || another) ++found;
    if (!another) break;
  }
  return found;
}

// --- the machine ---

constexpr unsigned kFirstProtocol = 2;  // the first one with NEWOBJ
constexpr unsigned kLastProtocol = 5;

constexpr std::uint64_t kMostBeforeFirstClass = 1000;  // bytes; a pickler writes less than 50

}  // namespace

PickleMachine::PickleMachine(ByteStream& stream, DumpShapes& shapes)
    : stream_(stream), shapes_(shapes), stack_(stream) {}

PickleValue PickleMachine::run() {
  read_protocol();
  for (;;) {
    const auto opcode = static_cast<PickleOpcode>(stream_.begin_item());
    if (opcode == PickleOpcode::stop) return finish();
    if (opcode == PickleOpcode::mark && read_common_traces()) continue;
    execute(opcode);
  }
}

void PickleMachine::run_to_first_class() {
  read_protocol();
  while (stack_.size() == 0 || !stack_.back().is(PickleValue::Kind::dump_class)) {
    const auto opcode = static_cast<PickleOpcode>(stream_.begin_item());
    if (opcode == PickleOpcode::stop || stream_.offset() > kMostBeforeFirstClass) {
      stream_.fail("the pickle does not begin with tracemalloc.Snapshot");
    }
    execute(opcode);
  }
}

void PickleMachine::read_protocol() {
  if (stream_.begin_item() != byte_of(PickleOpcode::protocol)) {
    stream_.fail("a pickle starts with its protocol");
  }
  protocol_ = stream_.little_endian<std::uint8_t>();
  if (protocol_ < kFirstProtocol || protocol_ > kLastProtocol) {
    stream_.fail(fmt::format("pickle protocol {} is not known: {} to {} are", protocol_,
                             kFirstProtocol, kLastProtocol));
  }
}

// A whole run of traces in one step, which is several times as fast as instruction by instruction:
// the places in memory that they need are all asked for before the first one is waited for.
bool PickleMachine::read_common_traces() {
  CommonTraces traces;
  std::array<PickleValue, traces.size()> tracebacks{};
  const std::size_t found = find_common_traces(stream_.ahead(), stream_.remaining(), traces);
  for (std::size_t i = 0; i < found; ++i) {
    if (traces[i].traceback < memo_.size()) memo_.prefetch(traces[i].traceback);
  }
  std::size_t valid = 0;
  for (; valid < found && traces[valid].traceback < memo_.size(); ++valid) {
    tracebacks[valid] = memo_[traces[valid].traceback];
    if (!tracebacks[valid].is(PickleValue::Kind::traceback)) break;
    shapes_.prefetch_trace(tracebacks[valid]);
  }
  for (std::size_t i = 0; i < valid; ++i) {
    const CommonTrace& trace = traces[i];
    const PickleValue value =
        shapes_.trace(trace.domain, trace.size, tracebacks[i], trace.total_frames);
    stack_.push(value);
    if (trace.memoized) memo_.append(value);
  }
  if (valid != 0) stream_.skip_to(traces[valid - 1].end);
  return valid != 0;
}

// In order of frequency in a dump. A list of instructions, long but flat.
// NOLINTNEXTLINE(readability-function-size)
void PickleMachine::execute(PickleOpcode opcode) {
  switch (opcode) {
    case PickleOpcode::binary_int1:
      return stack_.push(PickleValue::number(stream_.little_endian<std::uint8_t>()));
    case PickleOpcode::binary_int2:
      return stack_.push(PickleValue::number(stream_.little_endian<std::uint16_t>()));
    case PickleOpcode::memo_get1:
      return push_memo(stream_.little_endian<std::uint8_t>());
    case PickleOpcode::memo_get4:
      return push_memo(stream_.little_endian<std::uint32_t>());
    case PickleOpcode::mark:
      return stack_.push_mark();
    case PickleOpcode::tuple:
      return push_tuple(stack_.pop_mark());
    case PickleOpcode::tuple1:
      return push_tuple(1);
    case PickleOpcode::tuple2:
      return push_tuple(2);
    case PickleOpcode::tuple3:
      return push_tuple(3);
    case PickleOpcode::binary_int4: {
      const auto number = static_cast<std::int32_t>(stream_.little_endian<std::uint32_t>());
      if (number < 0) stream_.fail(fmt::format("the number {} is negative", number));
      return stack_.push(PickleValue::number(static_cast<std::uint64_t>(number)));
    }
    case PickleOpcode::long1:
      return push_long();
    case PickleOpcode::short_unicode:
      return push_string(stream_.little_endian<std::uint8_t>());
    case PickleOpcode::unicode:
      return push_string(stream_.little_endian<std::uint32_t>());
    case PickleOpcode::unicode8:
      return push_string(stream_.little_endian<std::uint64_t>());
    case PickleOpcode::empty_tuple:
      return stack_.push(PickleValue::of(PickleValue::Kind::empty_tuple, 0));
    case PickleOpcode::frame:
      return read_frame();
    case PickleOpcode::append:
      return append(1);
    case PickleOpcode::appends:
      return append(stack_.pop_mark());
    case PickleOpcode::memoize:
    case PickleOpcode::memo_put1:
    case PickleOpcode::memo_put4:
      stream_.fail(fmt::format("pickle opcode {} does not follow a new object",
                               name_of_opcode(byte_of(opcode))));
    case PickleOpcode::empty_list:
      return push_new(shapes_.empty_list());
    case PickleOpcode::empty_dict:
      return push_new(shapes_.empty_dict());
    case PickleOpcode::set_item:
      return set_items(2);
    case PickleOpcode::set_items:
      return set_items(stack_.pop_mark());
    case PickleOpcode::global: {
      const std::string module = stream_.line(kMaxClassName);
      const std::string name = stream_.line(kMaxClassName);
      return push_new(shapes_.class_named(module, name));
    }
    case PickleOpcode::stack_global: {
      stack_.require(2);
      const PickleValue name = stack_.pop();
      return push_new(shapes_.class_named(stack_.pop(), name));
    }
    case PickleOpcode::new_object: {
      stack_.require(2);
      const PickleValue arguments = stack_.pop();
      return push_new(shapes_.new_object(stack_.pop(), arguments));
    }
    case PickleOpcode::build: {
      stack_.require(2);
      const PickleValue state = stack_.pop();
      return shapes_.build(stack_.back(), state);
    }
    default:
      refuse(opcode);
  }
}

void PickleMachine::refuse(PickleOpcode opcode) const {
  const std::string_view name = name_of_opcode(byte_of(opcode));
  if (name.empty()) stream_.fail(fmt::format("byte 0x{:02X} is no pickle opcode", byte_of(opcode)));
  stream_.fail(fmt::format("pickle opcode {} is not part of a tracemalloc dump", name));
}

PickleValue PickleMachine::finish() {
  if (stack_.has_marks() || stack_.size() != 1) {
    stream_.fail(fmt::format("the pickle ends with {} objects instead of one", stack_.size()));
  }
  if (stream_.offset() < frame_end_) stream_.fail("the pickle ends before its last frame");
  const PickleValue root = stack_.back();
  if (!stream_.at_end()) {
    stream_.begin_item();
    stream_.fail("there is something after the end of the pickle");
  }
  return root;
}

void PickleMachine::push_new(PickleValue value) {
  stack_.push(value);
  if (stream_.next_is(byte_of(PickleOpcode::memoize))) {
    stream_.begin_item();
    memo_.append(value);
  } else {
    memoize_otherwise(value);
  }
}

// The other ways to number objects, which are equal: every pickler counts from 0, and so does
// pickletools.optimize(). A frame may begin before any instruction.
void PickleMachine::memoize_otherwise(PickleValue value) {
  while (stream_.next_is(byte_of(PickleOpcode::frame))) {
    stream_.begin_item();
    read_frame();
  }
  std::uint64_t index = memo_.size();
  if (stream_.next_is(byte_of(PickleOpcode::memo_put1))) {
    stream_.begin_item();
    index = stream_.little_endian<std::uint8_t>();
  } else if (stream_.next_is(byte_of(PickleOpcode::memo_put4))) {
    stream_.begin_item();
    index = stream_.little_endian<std::uint32_t>();
  } else if (stream_.next_is(byte_of(PickleOpcode::memoize))) {
    stream_.begin_item();
  } else {
    return;
  }
  if (index != memo_.size()) {
    stream_.fail(fmt::format("memo entry {} where {} comes next", index, memo_.size()));
  }
  memo_.append(value);
}

// Frames are for unpicklers that read a whole one at a time. Here they only must not overlap.
void PickleMachine::read_frame() {
  const auto size = stream_.little_endian<std::uint64_t>();
  if (stream_.item_offset() < frame_end_) stream_.fail("a frame begins in another one");
  if (size >> 62 != 0) stream_.fail(fmt::format("a frame has {} bytes", size));
  frame_end_ = stream_.offset() + size;
}

void PickleMachine::push_long() {
  const std::string_view digits = stream_.bytes(stream_.little_endian<std::uint8_t>());
  if (!digits.empty() && static_cast<std::int8_t>(digits.back()) < 0) {
    stream_.fail("a number is negative");
  }
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const auto digit = static_cast<std::uint8_t>(digits[i]);
    if (digit != 0 && i >= sizeof(number)) stream_.fail("a number has more than 63 bits");
    if (i < sizeof(number)) number |= std::uint64_t{digit} << (8 * i);
  }
  if (number >> 63 != 0) stream_.fail("a number has more than 63 bits");
  stack_.push(PickleValue::number(number));
}

void PickleMachine::push_string(std::uint64_t size) {
  if (size > kMaxString) {
    stream_.fail(fmt::format("a string has {} bytes: {} are the most", size, kMaxString));
  }
  push_new(shapes_.string(stream_.bytes(size)));
}

void PickleMachine::push_memo(std::uint64_t index) {
  if (index >= memo_.size()) {
    stream_.fail(fmt::format("memo entry {} of {}", index, memo_.size()));
  }
  stack_.push(memo_[index]);
}

void PickleMachine::push_tuple(std::size_t size) {
  stack_.require(size);
  if (size == 0) return stack_.push(PickleValue::of(PickleValue::Kind::empty_tuple, 0));
  const PickleValue tuple = shapes_.tuple(stack_.top(size));
  stack_.drop(size);
  push_new(tuple);
}

void PickleMachine::append(std::size_t size) {
  stack_.require(size + 1);
  shapes_.append(stack_.top(size + 1).front(), stack_.top(size));
  stack_.drop(size);
}

void PickleMachine::set_items(std::size_t size) {
  stack_.require(size + 1);
  if (size % 2 != 0) stream_.fail("a key has no value");
  const PickleValue dict = stack_.top(size + 1).front();
  const auto items = stack_.top(size);
  for (std::size_t i = 0; i < size; i += 2) shapes_.set_item(dict, items[i], items[i + 1]);
  stack_.drop(size);
}

}  // namespace memtrace
