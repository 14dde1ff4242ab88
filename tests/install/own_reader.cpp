// A reader of one's own, for a format that mtrace does not know: a line for each stack, its frames
// from the oldest one on and the bytes that it holds, as flame graphs are made from.
//
//   own_reader FILE.zst < STACKS
//
//   main app.c:12;load load.c:30 4096
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "mtrace/error.hpp"
#include "mtrace/snapshot_builder.hpp"
#include "mtrace/write.hpp"

namespace {

// "load load.c:30"
memtrace::FrameId frame_of(const std::string& text, memtrace::SnapshotBuilder& builder) {
  const std::size_t space = text.find(' '), colon = text.rfind(':');
  if (space == std::string::npos || colon == std::string::npos) {
    throw memtrace::Error("no frame: " + text);
  }
  const unsigned long lineno = std::stoul(text.substr(colon + 1));
  return builder.frame(text.substr(space + 1, colon - space - 1),
                       static_cast<std::uint32_t>(lineno), text.substr(0, space));
}

void add_line(const std::string& line, memtrace::SnapshotBuilder& builder) {
  const std::size_t last = line.rfind(' ');
  std::istringstream stack(line.substr(0, last));
  std::vector<memtrace::FrameId> frames;
  for (std::string frame; std::getline(stack, frame, ';');) {
    frames.push_back(frame_of(frame, builder));
  }
  builder.add(builder.traceback(frames), builder.domain(1, "native"), memtrace::Metric::live,
              {std::stoll(line.substr(last + 1)), 1});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    memtrace::SnapshotBuilder builder;
    builder.metadata().program = "server";
    for (std::string line; std::getline(std::cin, line);) add_line(line, builder);
    memtrace::write_snapshot(builder.finish(), argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "own_reader: " << error.what() << "\n";
    return 1;
  }
}
