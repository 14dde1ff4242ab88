#include "render/json.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "render/rendered.hpp"

namespace memtrace {
namespace {

std::string string_json(std::string_view text) {
  test::StringSink sink;
  JsonWriter writer(sink);
  writer.value(text);
  writer.finish();
  return sink.text();
}

template <class T>
std::string value_json(const T& value) {
  test::StringSink sink;
  JsonWriter writer(sink);
  writer.value(value);
  writer.finish();
  return sink.text();
}

TEST_CASE("strings are valid UTF-8 whatever comes in") {
  CHECK(string_json("a\"b\\c/d") == "\"a\\\"b\\\\c/d\"\n");
  CHECK(string_json("\x01\n\t\r\x7f") == "\"\\u0001\\n\\t\\r\\u007f\"\n");
  CHECK(string_json(std::string_view("\0", 1)) == "\"\\u0000\"\n");
  CHECK(string_json("é中😀") == "\"é中😀\"\n");
  CHECK(string_json("\xed\xb2\x80x\xed\xa0\xbd") == "\"\\udc80x\\ud83d\"\n");
  CHECK(string_json("\xff") == "\"\\udcff\"\n");
  CHECK(string_json("\xe4\xb8") == "\"\\udce4\\udcb8\"\n");
}

TEST_CASE("what could harm a terminal is escaped") {
  CHECK(string_json("\u009b\u202e\U000e0001") == "\"\\u009b\\u202e\\udb40\\udc01\"\n");
}

TEST_CASE("numbers, truth and nothing") {
  CHECK(value_json(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808\n");
  CHECK(value_json(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615\n");
  CHECK(value_json(0.1) == "0.1\n");
  CHECK(value_json(100.0 / 3) == "33.333333333333336\n");
  CHECK(value_json(std::numeric_limits<double>::infinity()) == "null\n");
  CHECK(value_json(true) == "true\n");
  CHECK(value_json(std::optional<int>()) == "null\n");
  CHECK(value_json(std::optional<std::string>("x")) == "\"x\"\n");
}

TEST_CASE("containers on one line and on several") {
  test::StringSink sink;
  JsonWriter writer(sink);
  writer.begin_object(JsonWriter::Layout::lines);
  writer.member("a", 1);
  writer.key("b");
  writer.begin_array(JsonWriter::Layout::lines);
  for (int i = 0; i < 2; ++i) {
    writer.begin_object();
    writer.member("x", i);
    writer.member("y", nullptr);
    writer.end_object();
  }
  writer.end_array();
  writer.key("c");
  writer.begin_array(JsonWriter::Layout::lines);
  writer.end_array();
  writer.end_object();
  writer.finish();
  CHECK(sink.text() == R"({
  "a": 1,
  "b": [
    {"x": 0, "y": null},
    {"x": 1, "y": null}
  ],
  "c": []
}
)");
}

}  // namespace
}  // namespace memtrace
