#include "view/terminal.hpp"

#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "mtrace/error.hpp"
#include "render/escape.hpp"

// Functions only: its macros have names that others use, too.
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <ncurses.h>

namespace memtrace {
namespace {

constexpr std::array kAsked = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
constexpr std::array kFatal = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// What signal handlers need is not in an object.
std::array<int, 2> signal_pipe = {-1, -1};
std::array<char, 128> reset_text{};
std::size_t reset_size = 0;
termios mode_before{};
std::array<struct sigaction, kAsked.size()> actions_before{};

void note_signal(int number) {
  const int error = errno;
  const auto byte = static_cast<char>(number);
  static_cast<void>(!::write(signal_pipe[1], &byte, 1));
  errno = error;
}

// A fault: the terminal is put right without ncurses, which may be in the middle of something.
void reset_and_die(int number) {
  static_cast<void>(!::write(STDOUT_FILENO, reset_text.data(), reset_size));
  tcsetattr(STDIN_FILENO, TCSANOW, &mode_before);
  std::signal(number, SIG_DFL);
  raise(number);
}

void remember_reset() {
  reset_size = 0;
  for (const char* const name : {"sgr0", "cnorm", "rmkx", "rmcup"}) {
    const char* const text = tigetstr(name);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): what terminfo says of a name that is no string
    if (text == nullptr || text == reinterpret_cast<const char*>(-1)) continue;
    const std::size_t size = std::strlen(text);
    if (reset_size + size > reset_text.size()) continue;
    std::memcpy(reset_text.data() + reset_size, text, size);
    reset_size += size;
  }
}

void catch_signals() {
  struct sigaction action {};
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  action.sa_handler = note_signal;
  for (const int number : kAsked) sigaction(number, &action, nullptr);
  action.sa_handler = reset_and_die;
  for (const int number : kFatal) sigaction(number, &action, nullptr);
}

void remember_actions() {
  for (std::size_t i = 0; i < kAsked.size(); ++i) {
    sigaction(kAsked[i], nullptr, &actions_before[i]);
  }
}

void restore_actions() {
  for (std::size_t i = 0; i < kAsked.size(); ++i) {
    sigaction(kAsked[i], &actions_before[i], nullptr);
  }
  for (const int number : kFatal) std::signal(number, SIG_DFL);
}

// Names are written in UTF-8, which nearly every terminal shows, also where nobody says so.
void choose_charset() {
  if (std::setlocale(LC_CTYPE, "") == nullptr || std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
}

enum Pair : short { red = 1, green, yellow, on_yellow, on_white, on_red, on_green };

void make_colors() {
  start_color();
  use_default_colors();
  init_pair(red, COLOR_RED, -1);
  init_pair(green, COLOR_GREEN, -1);
  init_pair(yellow, COLOR_YELLOW, -1);
  init_pair(on_yellow, COLOR_BLACK, COLOR_YELLOW);
  init_pair(on_white, COLOR_BLACK, COLOR_WHITE);
  init_pair(on_red, COLOR_BLACK, COLOR_RED);
  init_pair(on_green, COLOR_BLACK, COLOR_GREEN);
}

attr_t attributes_of(const Span& span) {
  attr_t attributes = A_NORMAL;
  if (span.emphasis == Emphasis::strong) attributes |= A_BOLD;
  if (span.emphasis == Emphasis::quiet) attributes |= A_DIM;
  if (span.ground == Ground::reversed) attributes |= A_REVERSE;
  return attributes;
}

short pair_of(const Span& span) {
  switch (span.ground) {
    case Ground::light:
      return on_yellow;
    case Ground::dark:
      return on_white;
    case Ground::red:
      return on_red;
    case Ground::green:
      return on_green;
    case Ground::none:
    case Ground::reversed:
      break;
  }
  if (span.emphasis == Emphasis::worse) return red;
  if (span.emphasis == Emphasis::better) return green;
  return span.emphasis == Emphasis::warning ? yellow : 0;
}

bool translate(wint_t code, KeyPress& key) {
  switch (code) {
    case KEY_UP:
      key.key = Key::up;
      return true;
    case KEY_DOWN:
      key.key = Key::down;
      return true;
    case KEY_LEFT:
      key.key = Key::left;
      return true;
    case KEY_RIGHT:
      key.key = Key::right;
      return true;
    case KEY_PPAGE:
      key.key = Key::page_up;
      return true;
    case KEY_NPAGE:
      key.key = Key::page_down;
      return true;
    case KEY_HOME:
      key.key = Key::home;
      return true;
    case KEY_END:
      key.key = Key::end;
      return true;
    case KEY_ENTER:
      key.key = Key::enter;
      return true;
    case KEY_BACKSPACE:
      key.key = Key::backspace;
      return true;
    default:
      return false;
  }
}

}  // namespace

void Terminal::require() {
  if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) return;
  throw Error("mtrace view needs a terminal: mtrace top and mtrace diff print anywhere");
}

Terminal::Terminal(bool with_colors) {
  require();
  const char* const type = std::getenv("TERM");
  choose_charset();
  tcgetattr(STDIN_FILENO, &mode_before);
  remember_actions();
  if (::pipe2(signal_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw Error(std::strerror(errno));
  SCREEN* const screen = type == nullptr ? nullptr : newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    restore_actions();
    throw Error("mtrace view cannot draw on a terminal of the type '" +
                escaped(type == nullptr ? "" : type) + "': see $TERM");
  }
  screen_ = screen;
  catch_signals();
  remember_reset();
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, true);
  nodelay(stdscr, true);
  set_escdelay(25);
  curs_set(0);
  has_colors_ = with_colors && ::has_colors();
  if (has_colors_) make_colors();
}

Terminal::~Terminal() {
  endwin();
  restore_actions();
  delscreen(static_cast<SCREEN*>(screen_));
  for (int& end : signal_pipe) {
    ::close(end);
    end = -1;
  }
}

ScreenSize Terminal::size() const {
  return {static_cast<std::size_t>(getmaxx(stdscr)), static_cast<std::size_t>(getmaxy(stdscr))};
}

void Terminal::draw_line(int row, const Line& line) const {
  std::size_t room = size().columns;
  wmove(stdscr, row, 0);
  for (const Span& span : line) {
    const std::string text(prefix_of_width(span.text, room));
    room -= display_width(text);
    wattr_set(stdscr, attributes_of(span), has_colors_ ? pair_of(span) : short{0}, nullptr);
    waddstr(stdscr, text.c_str());
  }
}

void Terminal::draw(const Screen& screen) {
  werase(stdscr);
  int row = 0;
  for (const Line& line : screen.lines) draw_line(row++, line);
  wattr_set(stdscr, A_NORMAL, 0, nullptr);
  wrefresh(stdscr);
}

bool Terminal::read_key(KeyPress& key) {
  constexpr wint_t kEscape = 27, kDelete = 127;
  wint_t code = 0;
  while (true) {
    const int kind = wget_wch(stdscr, &code);
    if (kind == ERR) return false;
    key = {};
    if (kind == KEY_CODE_YES) {
      if (translate(code, key)) return true;
      continue;
    }
    if (code == '\r' || code == '\n') {
      key.key = Key::enter;
    } else if (code == kEscape) {
      key.key = Key::escape;
    } else if (code == kDelete || code == '\b') {
      key.key = Key::backspace;
    } else {
      key.character = static_cast<char32_t>(code);
    }
    return true;
  }
}

Terminal::Event Terminal::take_signal(int number) {
  switch (number) {
    case SIGTSTP:
      endwin();
      raise(SIGSTOP);
      return Event::resized;
    case SIGCONT:
    case SIGWINCH: {
      winsize size{};
      if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        resizeterm(size.ws_row, size.ws_col);
      }
      // Who had the terminal in between may have changed it.
      reset_prog_mode();
      clearok(stdscr, true);
      return Event::resized;
    }
    default: {
      // Another one, which a hangup brings, must not cut short what the end has to put in order.
      sigset_t asked;
      sigemptyset(&asked);
      for (const int each : kAsked) sigaddset(&asked, each);
      pthread_sigmask(SIG_BLOCK, &asked, nullptr);
      signal_ = number;
      return Event::ended;
    }
  }
}

void Terminal::die_of(int number) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  raise(number);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
}

Terminal::Event Terminal::wait(int other, KeyPress& key) {
  while (true) {
    if (read_key(key)) return Event::key;
    std::array<pollfd, 3> watched = {
        {{STDIN_FILENO, POLLIN, 0}, {signal_pipe[0], POLLIN, 0}, {other, POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return Event::ended;
    char number = 0;
    if (::read(signal_pipe[0], &number, 1) == 1) return take_signal(number);
    if ((watched[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return Event::ended;
    if (watched[2].revents != 0) return Event::ready;
  }
}

}  // namespace memtrace
