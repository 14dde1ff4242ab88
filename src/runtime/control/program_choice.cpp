#include "runtime/control/program_choice.hpp"

#include <fcntl.h>
#include <linux/limits.h>

#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

std::string_view without_folder(std::string_view path) {
  for (std::size_t at = path.size(); at > 0; --at) {
    if (path[at - 1] == '/') return {path.data() + at, path.size() - at};
  }
  return path;
}

// Behind the set that begins at `at`, which `character` is in or not; 0 where it is not closed.
std::size_t match_set(std::string_view glob, std::size_t at, char character, bool& matches) {
  const bool is_negated = at < glob.size() && glob[at] == '!';
  if (is_negated) ++at;
  bool found = false;
  for (bool first = true; at < glob.size() && (first || glob[at] != ']'); first = false) {
    const bool is_range = at + 2 < glob.size() && glob[at + 1] == '-' && glob[at + 2] != ']';
    const char last = is_range ? glob[at + 2] : glob[at];
    found = found || (glob[at] <= character && character <= last);
    at += is_range ? 3 : 1;
  }
  matches = found != is_negated;
  return at < glob.size() ? at + 1 : 0;
}

// Behind the piece of the glob that begins at `at`, where that matches the character; else 0.
std::size_t match_one(std::string_view glob, std::size_t at, char character) {
  if (glob[at] == '?') return at + 1;
  if (glob[at] == '[') {
    bool matches = false;
    const std::size_t end = match_set(glob, at + 1, character, matches);
    if (end != 0) return matches ? end : 0;
  }
  return glob[at] == character ? at + 1 : 0;
}

// When a piece fails, the last star takes one more character: an earlier one cannot do better.
bool matches(std::string_view glob, std::string_view text) {
  constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t at = 0, text_at = 0, star = kNone, text_at_star = 0;
  while (true) {
    if (at < glob.size() && glob[at] == '*') {
      star = ++at;
      text_at_star = text_at;
      continue;
    }
    if (at == glob.size() && text_at == text.size()) return true;
    const bool both = at < glob.size() && text_at < text.size();
    const std::size_t next = both ? match_one(glob, at, text[text_at]) : 0;
    if (next != 0) {
      at = next;
      ++text_at;
      continue;
    }
    if (star == kNone || text_at_star == text.size()) return false;
    text_at = ++text_at_star;
    at = star;
  }
}

}  // namespace

bool ProgramChoice::add(std::string_view glob) {
  if (count_ == kMost || glob.empty()) return false;
  globs_[count_++] = glob;
  return true;
}

bool ProgramChoice::includes(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (matches(globs_[i], name)) return true;
  }
  return count_ == 0;
}

bool ProgramChoice::includes_this() const {
  if (includes(program_name())) return true;
  char path[PATH_MAX];
  const long size = system_call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof(path));
  return !is_error(size) && includes(without_folder({path, static_cast<std::size_t>(size)}));
}

}  // namespace memtrace::runtime
