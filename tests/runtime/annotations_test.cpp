// Labels and work, as the tracer is told them.
#include "runtime/control/annotations.hpp"

#include <doctest/doctest.h>

#include <string>

namespace memtrace::test {
namespace {

using runtime::Label;
using runtime::Labels;

std::string text_of(const Labels& labels) {
  std::string text;
  for (const Label& label : labels.items()) {
    text += std::string(label.name) + "=" + std::string(label.value) + ";";
  }
  return text;
}

TEST_CASE("labels are in the order of their names, and the last one of a name counts") {
  Labels labels;
  CHECK(labels.set("role=web"));
  CHECK(labels.set("host=a=b"));
  CHECK(labels.set("release="));
  CHECK(labels.set("role=db"));
  CHECK(text_of(labels) == "host=a=b;release=;role=db;");
  Labels copy = labels;
  CHECK(copy.set("a=1"));
  labels = Labels();
  CHECK(text_of(labels).empty());
  CHECK(text_of(copy) == "a=1;host=a=b;release=;role=db;");
}

TEST_CASE("what cannot be written as it is comes as hexadecimal digits") {
  Labels labels;
  CHECK(labels.set("a%2Cb=100%25%0a%4"));
  CHECK(text_of(labels) == "a,b=100%\n%4;");
  CHECK(labels.set("raw=\xFF"));
  CHECK(text_of(labels) == "a,b=100%\n%4;raw=\xED\xB3\xBF;");
}

TEST_CASE("what is no label, or one too many") {
  Labels labels;
  CHECK_FALSE(labels.set(""));
  CHECK_FALSE(labels.set("name"));
  CHECK_FALSE(labels.set("=value"));
  CHECK_FALSE(labels.set("long=" + std::string(2000, 'x')));
  for (std::size_t i = 0; i < Labels::kMost; ++i) CHECK(labels.set(std::to_string(100 + i) + "=x"));
  CHECK_FALSE(labels.set("more=x"));
  CHECK(labels.items().size() == Labels::kMost);
  // Room for text is not endless either.
  bool has_room = true;
  for (int i = 0; i < 100 && has_room; ++i) has_room = labels.set("100=" + std::string(500, 'x'));
  CHECK_FALSE(has_room);
}

TEST_CASE("work that nobody told of is not known") {
  runtime::Work work;
  CHECK(work.done() == -1);
  work.add(0);
  CHECK(work.done() == 0);
  work.add(5);
  work.set(100);
  work.add(1);
  CHECK(work.done() == 101);
  work.set(std::uint64_t{1} << 63);
  CHECK(work.done() == -1);
  work.forget();
  CHECK(work.done() == -1);
}

}  // namespace
}  // namespace memtrace::test
