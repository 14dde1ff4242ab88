// Interprets the instructions of a pickle, as far as a tracemalloc dump has them.
#pragma once

#include <cstdint>

#include "read/byte_stream.hpp"
#include "read/dump_shapes.hpp"
#include "read/pickle_memo.hpp"
#include "read/pickle_opcodes.hpp"
#include "read/pickle_stack.hpp"
#include "read/pickle_value.hpp"

namespace memtrace {

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
  void execute_rare(PickleOpcode opcode);
  void execute_object(PickleOpcode opcode);
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
