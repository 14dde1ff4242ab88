// Pickles by hand, and what the reader makes of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "mtrace/error.hpp"
#include "mtrace/snapshot.hpp"
#include "read/input_format.hpp"
#include "support/piecewise_input.hpp"

namespace memtrace::test {

// Instructions, each as the bytes that it has. Numbers are the bytes behind the opcode.
namespace op {

inline std::string little_endian(std::uint64_t number, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
  return bytes;
}
inline std::string protocol(int version) {
  return "\x80" + std::string(1, static_cast<char>(version));
}
inline std::string frame(std::uint64_t size) {
  return "\x95" + little_endian(size, 8);
}
inline std::string int1(std::uint64_t number) {
  return "K" + little_endian(number, 1);
}
inline std::string int2(std::uint64_t number) {
  return "M" + little_endian(number, 2);
}
inline std::string int4(std::uint64_t number) {
  return "J" + little_endian(number, 4);
}
inline std::string long1(std::uint64_t number, std::size_t size = 9) {
  return "\x8A" + little_endian(size, 1) + little_endian(number, std::min<std::size_t>(size, 8)) +
         std::string(size > 8 ? size - 8 : 0, '\0');
}
inline std::string text(std::string_view text) {
  return "X" + little_endian(text.size(), 4) + std::string(text);
}
inline std::string short_text(std::string_view text) {
  return "\x8C" + little_endian(text.size(), 1) + std::string(text);
}
inline std::string text8(std::string_view text) {
  return "\x8D" + little_endian(text.size(), 8) + std::string(text);
}
inline std::string get1(std::uint64_t index) {
  return "h" + little_endian(index, 1);
}
inline std::string get4(std::uint64_t index) {
  return "j" + little_endian(index, 4);
}
inline std::string put1(std::uint64_t index) {
  return "q" + little_endian(index, 1);
}
inline std::string put4(std::uint64_t index) {
  return "r" + little_endian(index, 4);
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline const std::string memoize = "\x94", mark = "(", stop = ".";
inline const std::string empty_tuple = ")", tuple = "t", tuple1 = "\x85", tuple2 = "\x86",
                         tuple3 = "\x87";
inline const std::string empty_list = "]", append = "a", appends = "e";
inline const std::string empty_dict = "}", set_item = "s", set_items = "u";
inline const std::string new_object = "\x81", build = "b", stack_global = "\x93";

}  // namespace op

// The smallest dump with these instructions for the traces and for the limit. Nothing is memoized.
inline const std::string kUpToTraces =
    op::protocol(4) + op::global("tracemalloc", "Snapshot") + op::empty_tuple + op::new_object +
    op::empty_dict + op::mark + op::text("traces") + op::global("tracemalloc", "_Traces") +
    op::empty_tuple + op::new_object + op::empty_dict + op::text("_traces");
inline const std::string kAfterTraces = op::set_item + op::build + op::text("traceback_limit");

inline std::string dump(const std::string& traces, const std::string& limit = op::int1(5)) {
  return kUpToTraces + traces + kAfterTraces + limit + op::set_items + op::build + op::stop;
}
inline std::string dump_of_list(const std::string& traces) {
  return dump(op::empty_list + op::mark + traces + op::appends);
}
inline std::string frame(std::string_view filename, int lineno) {
  return op::short_text(filename) + op::int1(static_cast<std::uint64_t>(lineno)) + op::tuple2;
}

// Calls use(OpenInput&) for these bytes.
template <class Use>
auto with_input(std::string_view bytes, std::size_t piece, const Use& use) {
  PiecewiseInput all(bytes, piece);
  OpenInput input{bytes.substr(0, kStartSize), all, "plain"};
  return use(input);
}

inline Snapshot read_dump(std::string_view bytes,
                          std::size_t piece = std::numeric_limits<std::size_t>::max()) {
  return with_input(bytes, piece, [](OpenInput& input) {
    Snapshot snapshot = kTracemallocDump.read(input, {});
    validate(snapshot);
    return snapshot;
  });
}

// What the reader says against these bytes; empty where it takes them.
inline std::string refusal(std::string_view bytes,
                           std::size_t piece = std::numeric_limits<std::size_t>::max()) {
  try {
    read_dump(bytes, piece);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

// A line for each row: DOMAIN SIZE COUNT FILE:LINE..., oldest frame first.
inline std::string rows_of(const Snapshot& snapshot) {
  const Column& live = *snapshot.rows[Metric::live];
  std::string text;
  for (std::size_t row = 0; row < snapshot.rows.size(); ++row) {
    std::string path;
    for (NodeId node = snapshot.rows.node[row]; node != kRoot;) {
      const auto [parent, frame] = snapshot.tracebacks.nodes[node];
      const Frame& content = snapshot.tracebacks.frames[frame];
      path = " " + std::string(snapshot.tracebacks.strings[content.filename]) + ":" +
             std::to_string(content.lineno) + path;
      node = parent;
    }
    text += std::to_string(snapshot.domains[snapshot.rows.domain[row]].number) + " " +
            std::to_string(live.size[row]) + " " + std::to_string(live.count[row]) + path + "\n";
  }
  return text;
}

}  // namespace memtrace::test
