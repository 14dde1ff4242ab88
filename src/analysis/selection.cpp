#include "mtrace/selection.hpp"

#include <algorithm>
#include <charconv>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// Python compiles "x.py" to "x.pyc": both name the same source.
std::string_view without_c_of_pyc(std::string_view filename) {
  return filename.ends_with(".pyc") ? filename.substr(0, filename.size() - 1) : filename;
}

}  // namespace

std::string_view name_of(GroupBy group_by) {
  switch (group_by) {
    case GroupBy::lineno:
      return "lineno";
    case GroupBy::filename:
      return "filename";
    case GroupBy::traceback:
      return "traceback";
    case GroupBy::function:
      return "function";
    case GroupBy::module:
      return "module";
    case GroupBy::domain:
      return "domain";
  }
  return "";
}

Pattern::Pattern(std::string_view text)
    : text_(text), glob_(without_c_of_pyc(split_lineno(text, lineno_))) {
  std::string folder = glob_.pattern();
  if (!folder.ends_with('/') || folder.find('*') != std::string::npos) return;
  while (folder.starts_with("./")) folder.erase(0, 2);
  below_.emplace_back(folder + "*");
  if (!folder.starts_with('/')) below_.emplace_back("*/" + folder + "*");
}

// What does not end in a colon and a number that can be a line is all glob.
std::string_view Pattern::split_lineno(std::string_view text,
                                       std::optional<std::uint32_t>& lineno) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return text;
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data() + colon + 1, end, number);
  if (error != std::errc() || parsed_to != end) return text;
  lineno = number;
  return text.substr(0, colon);
}

bool Pattern::matches_filename(std::string_view filename) const {
  const std::string_view name = without_c_of_pyc(filename);
  return glob_.matches(name) ||
         std::ranges::any_of(below_, [&](const Glob& below) { return below.matches(name); });
}

PrefixMap::PrefixMap(std::string_view text)
    : from(text.substr(0, text.find('='))),
      to(text.substr(std::min(from.size() + 1, text.size()))) {
  if (from.empty() || from.size() == text.size()) {
    throw Error("--map-prefix: '" + std::string(text) + "' is not FROM=TO");
  }
}

void validate(const Selection& selection) {
  const GroupBy by = selection.group_by;
  if (selection.cumulative && (by == GroupBy::traceback || by == GroupBy::domain)) {
    throw Error("--cumulative does not go with --group-by " + std::string(name_of(by)) +
                ": each block has just one");
  }
}

}  // namespace memtrace
