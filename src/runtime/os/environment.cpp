#include "runtime/os/environment.hpp"

#include <sys/auxv.h>
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
  if (environ == nullptr || getauxval(AT_SECURE) != 0) return {};
  return value_of(environ, kStart);
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

namespace {

constexpr std::string_view kRun = ",run=";

// Behind which a text's end fits, too.
char* append(std::string_view text, char* to) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

char* append(std::uint64_t number, char* to) {
  TextBuffer<24> text;
  text << number;
  return append(text.text(), to);
}

}  // namespace

std::size_t size_of(const StartValue& value) {
  constexpr std::size_t kMostDigits = 20;
  return value.before.size() + kRun.size() + 2 * kMostDigits + 1 + value.after.size();
}

char* write_start_value(const StartValue& value, char* to) {
  to = append(kRun, append(value.before, to));
  to = append("/", append(value.first_process, to));
  return append(value.after, append(value.snapshots_so_far, to));
}

TracedEnvironment::TracedEnvironment(char* const* given, const StartValue& start)
    : given_(given),
      start_(start),
      given_entries_(given == nullptr ? 0 : count_entries(given)),
      other_libraries_(given == nullptr ? std::string_view() : value_of(given, kPreload)) {}

std::size_t TracedEnvironment::text_size() const {
  return kPreload.size() + library.text().size() + 1 + other_libraries_.size() + 1 + kStart.size() +
         size_of(start_) + 1;
}

void TracedEnvironment::write(char** entries, char* text) const {
  for (std::size_t i = 0; i < given_entries_; ++i) *entries++ = given_[i];
  if (!library.text().empty()) {
    *entries++ = text;
    text = append(library.text(), append(kPreload, text));
    if (!other_libraries_.empty()) text = append(other_libraries_, append(":", text));
    *text++ = '\0';
    *entries++ = text;
    text = write_start_value(start_, append(kStart, text));
    *text = '\0';
  }
  *entries = nullptr;
}

}  // namespace memtrace::runtime
