#include "cli/signal_argument.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char character) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(character)));
  });
  return upper;
}

// 0 where there is none.
int signal_called(std::string_view text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && rest == end) return number > 0 && number < NSIG ? number : 0;
  const std::string upper = upper_case(text);
  const std::string_view name = std::string_view(upper).substr(upper.starts_with("SIG") ? 3 : 0);
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* const known = sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return 0;
}

}  // namespace

int parse_signal(std::string_view text) {
  const int signal = signal_called(text);
  if (signal == 0 || signal == SIGKILL || signal == SIGSTOP) {
    throw Error("'" + std::string(text) + "' is no signal that a program can handle: write USR2");
  }
  return signal;
}

}  // namespace memtrace
