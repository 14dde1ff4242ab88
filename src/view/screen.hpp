// What is to be seen on a terminal, without one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "render/document.hpp"

namespace memtrace {

// What is behind a text.
enum class Ground : std::uint8_t { none, reversed, light, dark, red, green };

// Text of one look. It is harmless already: see escaped().
struct Span {
  std::string text;
  Emphasis emphasis = Emphasis::none;
  Ground ground = Ground::none;
};

// Spans from the left; what is wider than the terminal is cut.
using Line = std::vector<Span>;

struct Screen {
  std::vector<Line> lines;
};

struct ScreenSize {
  std::size_t columns = 80, rows = 24;
};

enum class Key : std::uint8_t {
  character,
  up,
  down,
  left,
  right,
  page_up,
  page_down,
  home,
  end,
  enter,
  backspace,
  escape,
};

struct KeyPress {
  Key key = Key::character;
  char32_t character = 0;  // of a Key::character
};

}  // namespace memtrace
