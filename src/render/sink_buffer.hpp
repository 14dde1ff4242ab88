// Small pieces of text on their way to a sink.
#pragma once

#include <string>

#include "render/renderer.hpp"

namespace memtrace {

// Appending to a string is far cheaper than a virtual call for each of the ten pieces of a line.
// Whoever writes calls line_done() after a line, and flush() at the end: a destructor must not
// write, because a sink may throw.
class SinkBuffer {
 public:
  explicit SinkBuffer(Sink& sink) : sink_(sink) {}

  std::string& text() { return text_; }

  void line_done() {
    if (text_.size() >= kFull) flush();
  }

  void flush() {
    if (!text_.empty()) sink_.write(text_);
    text_.clear();
  }

 private:
  static constexpr std::size_t kFull = std::size_t{1} << 16;

  Sink& sink_;
  std::string text_;
};

}  // namespace memtrace
