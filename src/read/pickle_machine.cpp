#include "read/pickle_machine.hpp"

#include <fmt/format.h>

#include "read/common_traces.hpp"
#include "read/printable.hpp"

namespace memtrace {
namespace {

constexpr unsigned kFirstProtocol = 2;  // the first one with NEWOBJ
constexpr unsigned kLastProtocol = 5;

constexpr std::uint64_t kMostBeforeFirstClass = 1000;  // bytes; a pickler writes less than 50

constexpr auto byte_of(PickleOpcode opcode) {
  return static_cast<std::uint8_t>(opcode);
}

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

// In order of frequency in a dump.
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
    default:
      return execute_rare(opcode);
  }
}

void PickleMachine::execute_rare(PickleOpcode opcode) {
  switch (opcode) {
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
                               name_of_pickle_opcode(byte_of(opcode))));
    default:
      return execute_object(opcode);
  }
}

void PickleMachine::execute_object(PickleOpcode opcode) {
  switch (opcode) {
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
  const std::string_view name = name_of_pickle_opcode(byte_of(opcode));
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
