// The terminal that a view is drawn on, which becomes again what it was: after the last key, an
// exception, a signal that ends the program, and while it is stopped.
#pragma once

#include <optional>

#include "view/screen.hpp"

namespace memtrace {

// One at a time. Standard input and output.
class Terminal {
 public:
  // Throws Error where standard input and output are no terminal.
  static void require();
  // The same where it is one of an unknown type.
  explicit Terminal(bool with_colors);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] ScreenSize size() const;
  void draw(const Screen& screen);

  enum class Event : std::uint8_t { key, resized, ready, ended };
  // Waits until something happens; `other` is a descriptor that becomes readable, or -1.
  Event wait(int other, KeyPress& key);
  // The signal that ended it; none: the terminal is gone.
  [[nodiscard]] std::optional<int> signal() const { return signal_; }
  // For when all is in order; until then, the signals of this kind wait.
  static void die_of(int number);

 private:
  bool read_key(KeyPress& key);
  void draw_line(int row, const Line& line) const;
  Event take_signal(int number);

  void* screen_ = nullptr;  // ncurses' own
  bool has_colors_ = false;
  std::optional<int> signal_;
};

}  // namespace memtrace
