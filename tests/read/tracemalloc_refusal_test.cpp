// What the reader of tracemalloc dumps refuses, and what it says.
#include <doctest/doctest.h>

#include <sys/resource.h>

#include "read/pickled.hpp"

namespace memtrace::test {
namespace {

const std::string kTraceback = frame("a.py", 1) + op::tuple1;

std::string trace(const std::string& size) {
  return op::int1(0) + size + kTraceback + op::tuple3;
}

std::string at(std::size_t offset) {
  return ", at byte " + std::to_string(offset);
}

// Refused at `offset` bytes behind the place of the traces, which is where `traces` begins.
void check_traces(const std::string& traces, std::size_t offset, const std::string& message) {
  CHECK(refusal(dump(traces)) == message + at(kUpToTraces.size() + offset));
}

TEST_CASE("a pickle that runs code") {
  CHECK(refusal(op::protocol(4) + op::global("os", "system") + op::text("id") + op::tuple1 +
                "R.") == "class os.system is not part of a tracemalloc dump, at byte 2");
  CHECK(refusal(op::protocol(4) + op::short_text("os") + op::short_text("system") +
                op::stack_global) ==
        "class os.system is not part of a tracemalloc dump, at byte 14");
  CHECK(refusal(op::protocol(4) + op::global("tracemalloc", "Filter")) ==
        "class tracemalloc.Filter is not part of a tracemalloc dump, at byte 2");
  CHECK(refusal(op::protocol(4) + op::global("collections", "Snapshot")) ==
        "class collections.Snapshot is not part of a tracemalloc dump, at byte 2");
  CHECK(refusal(op::protocol(4) + op::short_text("o\n\x1B[31m") + op::short_text("\xC3\xA9") +
                op::stack_global) ==
        "class o\\x0a\\x1b[31m.\\xc3\\xa9 is not part of a tracemalloc dump, at byte 15");
  CHECK(refusal(op::protocol(4) + op::int1(1) + op::short_text("Snapshot") + op::stack_global) ==
        "a number is not what a tracemalloc dump has as the name of a class, at byte 14");
  CHECK(refusal(op::protocol(2) + op::global(std::string(2000, 'x'), "y")) ==
        "a name has more than 1000 bytes, at byte 2");
}

TEST_CASE("instructions that a dump does not have") {
  const std::string accepted =
      "\x80\x95(.KMJ\x8A\x8CX\x8Dhjqr\x94)t\x85\x86\x87]ae}suc\x93\x81"
      "b";
  std::size_t refused = 0;
  for (int byte = 1; byte < 256; ++byte) {
    const auto opcode = static_cast<char>(byte);
    if (accepted.find(opcode) != std::string::npos) continue;
    const std::string message = refusal(op::protocol(4) + opcode);
    CAPTURE(message);
    CHECK((message.ends_with(" is not part of a tracemalloc dump, at byte 2") ||
           message.ends_with(" is no pickle opcode, at byte 2")));
    ++refused;
  }
  CHECK(refused == 255 - accepted.size());
  const std::string part = " is not part of a tracemalloc dump, at byte 2";
  CHECK(refusal(op::protocol(4) + "R") == "pickle opcode REDUCE" + part);
  CHECK(refusal(op::protocol(4) + "0") == "pickle opcode POP" + part);
  CHECK(refusal(op::protocol(4) + "\x82\x01") == "pickle opcode EXT1" + part);
  CHECK(refusal(op::protocol(4) + "\x97") == "pickle opcode NEXT_BUFFER" + part);
  CHECK(refusal(op::protocol(4) + op::protocol(4)) == "pickle opcode PROTO" + part);
  CHECK(refusal(op::protocol(4) + "\xFF") == "byte 0xFF is no pickle opcode, at byte 2");
}

TEST_CASE("protocols, the end, and what follows it") {
  for (const int version : {0, 1, 6, 15}) {
    CHECK(refusal(op::protocol(version)) ==
          "pickle protocol " + std::to_string(version) + " is not known: 2 to 5 are, at byte 0");
  }
  CHECK(refusal("abc") == "a pickle starts with its protocol, at byte 0");
  CHECK(refusal(op::protocol(4) + op::stop) ==
        "the pickle ends with 0 objects instead of one, at byte 2");
  CHECK(refusal(op::protocol(4) + op::mark + op::int1(1) + op::stop) ==
        "the pickle ends with 1 objects instead of one, at byte 5");
  CHECK(refusal(op::protocol(4) + op::int1(1) + op::int1(1) + op::stop) ==
        "the pickle ends with 2 objects instead of one, at byte 6");
  CHECK(refusal(op::protocol(4) + op::int1(1) + op::stop) ==
        "the pickle does not end with a tracemalloc.Snapshot, at byte 4");
  const std::string whole = dump(op::empty_list);
  CHECK(refusal(whole + op::stop) ==
        "there is something after the end of the pickle" + at(whole.size()));
  CHECK(refusal(whole + whole, 1) ==
        "there is something after the end of the pickle" + at(whole.size()));
}

TEST_CASE("every dump that is cut off") {
  const std::string first = op::mark + op::int1(0) + op::int1(1) + kTraceback + op::memoize +
                            op::int1(1) + op::tuple + op::memoize;
  const std::string next =
      op::mark + op::int1(0) + op::int2(1000) + op::get1(0) + op::int1(2) + op::tuple + op::memoize;
  const std::string whole = dump_of_list(first + next + next + next + next + next);
  CHECK(refusal(whole).empty());
  for (std::size_t size = 1; size < whole.size(); ++size) {
    CAPTURE(size);
    const std::string message = "it ends in the middle of the pickle" + at(size);
    CHECK(refusal(std::string_view(whole).substr(0, size)) == message);
    CHECK(refusal(std::string_view(whole).substr(0, size), 1) == message);
  }
}

TEST_CASE("tuples that are none of a dump's") {
  const std::string has = " is not what a tracemalloc dump has as ";
  const std::string list = op::empty_list;
  const std::string name = op::short_text("a");
  check_traces(name + op::tuple1, 3, "a frame has 1 items: 2 are expected");
  check_traces(name + name + op::tuple2, 6, "a string" + has + "the line number of a frame");
  check_traces(name + op::long1(0x1'0000'0000) + op::tuple2, 14,
               "line number 4294967296 has more than 32 bits");
  check_traces(frame("a", 1) + op::int1(1) + op::tuple2, 8,
               "a number" + has + "a frame of a traceback");
  check_traces(op::int1(0) + op::int1(0) + op::tuple2, 4,
               "a trace has 2 items: 3 or 4 are expected");
  check_traces(op::int1(0) + name + op::empty_tuple + op::tuple3, 6,
               "a string" + has + "the size of a trace");
  check_traces(op::int1(0) + op::int1(0) + op::int1(0) + op::tuple3, 6,
               "a number" + has + "the traceback of a trace");
  check_traces(op::long1(0x1'0000'0000) + op::int1(0) + op::empty_tuple + op::tuple3, 14,
               "domain 4294967296 has more than 32 bits");
  check_traces(op::mark + op::int1(0) + op::int1(0) + op::empty_tuple + name + op::tuple, 9,
               "a string" + has + "the number of frames of a trace");
  check_traces(op::empty_tuple + op::tuple1, 1,
               "an empty tuple" + has + "the first item of a tuple");
  check_traces(list + op::tuple1, 1, "a list" + has + "the first item of a tuple");
  check_traces(trace(op::int1(1)) + op::int1(1) + op::tuple2, trace(op::int1(1)).size() + 2,
               "a number" + has + "an item of the list of traces");
}

TEST_CASE("lists, dicts and objects that are none of a dump's") {
  const std::string has = " is not what a tracemalloc dump has as ";
  const std::string key = op::short_text("traces");
  check_traces(op::empty_list + op::int1(1) + op::append, 3,
               "a number" + has + "an item of the list of traces");
  check_traces(op::empty_list + op::empty_list, 1, "a dump has one list of traces, not two");
  check_traces(trace(op::int1(1)) + op::tuple1 + op::empty_list, trace(op::int1(1)).size() + 1,
               "a dump has one list of traces, not two");
  check_traces(op::empty_dict, 0, "a dump has two dicts, not three");
  check_traces(op::int1(1) + op::int1(1) + op::append, 4,
               "a number" + has + "what traces are appended to");
  check_traces(op::empty_tuple + op::int1(1) + op::int1(1) + op::set_item, 5,
               "an empty tuple" + has + "what an item is set in");
  check_traces(op::int1(1), 2, "a number" + has + "attribute _traces");
  check_traces(op::global("tracemalloc", "Snapshot") + op::empty_tuple + op::new_object, 23,
               "a dump has one object of class tracemalloc.Snapshot, not two");
  check_traces(op::int1(1) + op::empty_tuple + op::new_object, 3,
               "a number" + has + "the class of an object");
  check_traces(op::global("tracemalloc", "Snapshot") + op::int1(1) + op::new_object, 24,
               "a number" + has + "the arguments of an object");
  check_traces(op::empty_tuple + op::empty_tuple + op::build, 2,
               "an empty tuple" + has + "what a state is given to");

  const std::string to_limit = kUpToTraces + op::empty_list + kAfterTraces;
  CHECK(refusal(to_limit + key + op::set_items) ==
        "a string" + has + "attribute traceback_limit" + at(to_limit.size() + key.size()));
  CHECK(refusal(to_limit + op::int1(5) + op::int1(1) + op::int1(5) + op::set_items) ==
        "a number" + has + "the name of an attribute" + at(to_limit.size() + 6));
  CHECK(refusal(to_limit + op::int1(5) + op::short_text("x\t") + op::int1(5) + op::set_items) ==
        "attribute x\\x09 is not part of a tracemalloc dump" + at(to_limit.size() + 8));
  CHECK(refusal(to_limit + op::int1(5) + op::short_text("traceback_limit") + op::int1(5) +
                op::set_items) ==
        "a number" + has + "attribute traceback_limit" + at(to_limit.size() + 21));
  CHECK(refusal(to_limit + op::set_items) == "a key has no value" + at(to_limit.size()));
}

TEST_CASE("objects without their state, or with another one's") {
  const std::string object =
      op::protocol(4) + op::global("tracemalloc", "Snapshot") + op::empty_tuple + op::new_object;
  CHECK(refusal(object + op::stop) ==
        "the pickle does not end with a tracemalloc.Snapshot" + at(object.size()));
  CHECK(refusal(object + op::empty_dict + op::build) ==
        "the attributes of an object of class tracemalloc.Snapshot are expected: traces, "
        "traceback_limit" +
            at(object.size() + 1));
  CHECK(refusal(object + op::int1(1) + op::build) ==
        "a number is not what a tracemalloc dump has as the state of an object" +
            at(object.size() + 2));
  const std::string inner =
      op::protocol(4) + op::global("tracemalloc", "_Traces") + op::empty_tuple + op::new_object;
  CHECK(refusal(inner + op::empty_dict + op::short_text("traces") + op::get1(0)) ==
        "memo entry 0 of 0" + at(inner.size() + 9));
  const std::string limit =
      op::empty_dict + op::short_text("traceback_limit") + op::int1(1) + op::set_item;
  CHECK(refusal(inner + limit + op::build) ==
        "the attributes of an object of class tracemalloc._Traces are expected: _traces" +
            at(inner.size() + limit.size()));
  // The object of traces must have got its own state before it is anybody's attribute.
  const std::string early = object + op::empty_dict + op::short_text("traces") +
                            op::global("tracemalloc", "_Traces") + op::empty_tuple + op::new_object;
  CHECK(refusal(early + op::set_item) ==
        "an object is not what a tracemalloc dump has as attribute traces" + at(early.size()));
}

TEST_CASE("the stack, marks and the memo") {
  const std::string start = op::protocol(4);
  const std::string missing = "the pickle takes objects that are not there";
  for (const std::string& instruction :
       {op::tuple1, op::tuple2, op::tuple3, op::append, op::set_item, op::stack_global,
        op::new_object, op::build}) {
    CHECK(refusal(start + instruction) == missing + at(2));
    CHECK(refusal(start + op::int1(1) + op::int1(1) + op::int1(1) + op::mark + instruction) ==
          missing + at(9));  // what is below a mark is out of reach
  }
  CHECK(refusal(start + op::mark + op::appends) == missing + at(3));
  CHECK(refusal(start + op::mark + op::set_items) == missing + at(3));
  for (const std::string& instruction : {op::tuple, op::appends, op::set_items}) {
    CHECK(refusal(start + instruction) == "a mark is missing, at byte 2");
  }
  CHECK(refusal(start + std::string(17, '(')) ==
        "16 marks are open: no tracemalloc dump has as many, at byte 18");

  CHECK(refusal(start + op::get1(0)) == "memo entry 0 of 0, at byte 2");
  CHECK(refusal(start + op::short_text("a") + op::memoize + op::get4(7)) ==
        "memo entry 7 of 1, at byte 6");
  CHECK(refusal(start + op::short_text("a") + op::put1(1)) ==
        "memo entry 1 where 0 comes next, at byte 5");
  CHECK(refusal(start + op::short_text("a") + op::put4(0xFFFFFFFF)) ==
        "memo entry 4294967295 where 0 comes next, at byte 5");
  CHECK(refusal(start + op::short_text("a") + op::memoize + op::memoize) ==
        "pickle opcode MEMOIZE does not follow a new object, at byte 6");
  CHECK(refusal(start + op::short_text("a") + op::put1(0) + op::put1(1)) ==
        "pickle opcode BINPUT does not follow a new object, at byte 7");
  CHECK(refusal(start + op::int1(1) + op::put4(0)) ==
        "pickle opcode LONG_BINPUT does not follow a new object, at byte 4");
}

TEST_CASE("numbers and text") {
  const std::string start = op::protocol(4);
  CHECK(refusal(start + op::int4(0xFFFFFFFB)) == "the number -5 is negative, at byte 2");
  CHECK(refusal(start + op::long1(0xFF, 1)) == "a number is negative, at byte 2");
  CHECK(refusal(start + op::long1(0x8000000000000000)) ==
        "a number has more than 63 bits, at byte 2");
  CHECK(refusal(start + "\x8A\x09" + std::string(8, '\0') + "\x01") ==
        "a number has more than 63 bits, at byte 2");
  CHECK(refusal(dump(op::empty_list, op::long1(0, 0))).empty());
  CHECK(refusal(dump(op::empty_list, op::long1(7, 255))).empty());
  for (const char* const text : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x9F\xBF",
                                 "\xE2\x82", "\xE2\x28\xA1", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                                 "\xF5\x80\x80\x80", "12345678\xFF", "12345678\xF0\x9F\x90"}) {
    CHECK(refusal(start + op::short_text(text)) == "a string is not UTF-8, at byte 2");
  }
}

TEST_CASE("sizes that add up to 2^63 bytes or more") {
  const std::string half = trace(op::long1(0x4000000000000000));
  CHECK(refusal(dump_of_list(half)).empty());
  CHECK(refusal(dump_of_list(half + trace(op::long1(0x3FFFFFFFFFFFFFFF)))).empty());
  CHECK(refusal(dump_of_list(half + half)) == "sizes add up to 2^63 bytes or more");
}

TEST_CASE("frames of the pickle") {
  const std::string rest = dump(op::empty_list).substr(2);
  CHECK(refusal(op::protocol(4) + op::frame(rest.size()) + rest).empty());
  CHECK(refusal(op::protocol(4) + op::frame(rest.size() + 1) + rest) ==
        "the pickle ends before its last frame" + at(rest.size() + 10));
  CHECK(refusal(op::protocol(4) + op::frame(10) + op::frame(1)) ==
        "a frame begins in another one, at byte 11");
  CHECK(refusal(op::protocol(4) + op::frame(~std::uint64_t{0})) ==
        "a frame has 18446744073709551615 bytes, at byte 2");
}

// Highest memory of this process so far, in bytes.
std::size_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) << 10;
}

TEST_CASE("lengths that nothing backs take no memory") {
  const std::string start = op::protocol(4);
  const std::size_t before = peak_memory();
  CHECK(refusal(start + "\x8D" + op::little_endian(std::uint64_t{1} << 60, 8) + "abc") ==
        "a string has 1152921504606846976 bytes: 16777216 are the most, at byte 2");
  CHECK(refusal(start + "X" + op::little_endian(0xFFFFFFFF, 4) + "abc") ==
        "a string has 4294967295 bytes: 16777216 are the most, at byte 2");
  CHECK(refusal(start + "X" + op::little_endian(16'000'000, 4) + "abc") ==
        "it ends in the middle of the pickle, at byte 10");
  CHECK(peak_memory() - before < std::size_t{8} << 20);
}

TEST_CASE("a stack that only grows") {
  const std::string message = refusal(op::protocol(4) + std::string(3'000'000, ')'));
  CHECK(message == "1048576 objects are open: no tracemalloc dump has as many, at byte 1048578");
  // A tuple of traces may be longer than that.
  std::string traces = op::mark + trace(op::int1(1)) + op::memoize;
  for (int i = 1; i < 2'000'000; ++i) traces += "h" + std::string(1, '\0');
  CHECK(rows_of(read_dump(dump(traces + op::tuple))) == "0 2000000 2000000 a.py:1\n");
}

}  // namespace
}  // namespace memtrace::test
