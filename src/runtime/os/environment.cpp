#include "runtime/os/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::string_view kStart = "MTRACE=";
constexpr std::string_view kPreload = "LD_PRELOAD=";

constinit TextBuffer<PATH_MAX> library;

// The text up to `separator`, which `text` loses along with it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken(text.data(), end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

std::string_view view(const char* text) {
  return {text, std::strlen(text)};
}

std::size_t count_entries(char* const* entries) {
  std::size_t count = 0;
  while (entries[count] != nullptr) ++count;
  return count;
}

// The last one counts, as for the dynamic loader. The index of none is their number.
std::size_t find_last(char* const* entries, std::string_view name) {
  const std::size_t count = count_entries(entries);
  for (std::size_t i = count; i-- > 0;) {
    if (view(entries[i]).starts_with(name)) return i;
  }
  return count;
}

std::string_view value_of(char* const* entries, std::string_view name) {
  const std::size_t index = find_last(entries, name);
  if (entries[index] == nullptr) return {};
  std::string_view entry = view(entries[index]);
  entry.remove_prefix(name.size());
  return entry;
}

// Out of `to`, which is `environ` from now on. Programs that look where the kernel put the
// environment (and find the auxiliary vector behind it) find their first variable twice instead.
void remove_entry(char** from, char** to, std::size_t from_index, std::size_t to_index) {
  static char nothing[] = "";
  const std::size_t count = count_entries(to);
  for (std::size_t i = to_index; i < count; ++i) to[i] = to[i + 1];
  if (from[from_index] != nullptr) from[from_index] = from_index > 0 ? from[0] : nothing;
}

// `mtrace run` adds an entry of its own, which holds the user's libraries too. Where a shell in
// between has made one entry of two, those stay.
void hide_preload(char** from, char** to, std::size_t index, std::string_view others) {
  static constinit TextBuffer<PATH_MAX> rest;
  const bool is_only_one = std::none_of(
      from, from + index, [](const char* entry) { return view(entry).starts_with(kPreload); });
  if (is_only_one && !others.empty()) {
    rest << kPreload << others;
    from[index] = to[index] = const_cast<char*>(rest.c_str());
  } else {
    remove_entry(from, to, index, index);
  }
}

}  // namespace

std::string_view start_variable() {
  return environ == nullptr ? std::string_view() : value_of(environ, kStart);
}

void hide_start_variables() {
  char** const from = environ;
  const std::size_t count = count_entries(from);
  auto** const to = static_cast<char**>(map_memory((count + 1) * sizeof(char*)));
  if (to == nullptr) return;
  std::memcpy(to, from, (count + 1) * sizeof(char*));
  const std::size_t preload = find_last(from, kPreload);
  if (preload < count) {
    std::string_view libraries = value_of(from, kPreload);
    library << take_until(libraries, ':');
    hide_preload(from, to, preload, libraries);
  }
  remove_entry(from, to, find_last(from, kStart), find_last(to, kStart));
  environ = to;
}

std::size_t TracedEnvironment::entries_for(char* const* given) {
  constexpr std::size_t kAdded = 3;  // two variables and the end
  return (given == nullptr ? 0 : count_entries(given)) + kAdded;
}

TracedEnvironment::TracedEnvironment(char* const* given, char** entries,
                                     std::string_view start_value) {
  std::size_t count = 0;
  for (; given != nullptr && given[count] != nullptr; ++count) entries[count] = given[count];
  preload_ << kPreload << library.text();
  const std::string_view others = given == nullptr ? std::string_view() : value_of(given, kPreload);
  if (!others.empty()) preload_ << ':' << others;
  start_ << kStart << start_value;
  if (preload_.is_whole() && start_.is_whole() && !library.text().empty()) {
    entries[count++] = const_cast<char*>(preload_.c_str());
    entries[count++] = const_cast<char*>(start_.c_str());
  }
  entries[count] = nullptr;
}

}  // namespace memtrace::runtime
