// The instructions of Python's pickle format, protocols 0 to 5.
#pragma once

#include <cstdint>
#include <string_view>

namespace memtrace {

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

// As Python's pickletools calls it; empty for a byte that is no instruction.
std::string_view name_of_pickle_opcode(std::uint8_t opcode);

}  // namespace memtrace
