// Commands of GitHub Actions: an annotation for each of the worst lines, then one line that says it
// all.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "render/escape.hpp"
#include "render/location.hpp"
#include "render/renderer.hpp"

namespace memtrace {
namespace {

namespace fs = std::filesystem;

// GitHub shows ten of a kind for each step of a job, and drops the others.
constexpr std::size_t kMostAnnotations = 10;

std::string escaped_for_github(std::string_view text, bool is_property) {
  std::string out;
  for (const char c : text) {
    const bool is_separator = c == ':' || c == ',';
    if (c == '%' || c == '\r' || c == '\n' || (is_property && is_separator)) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

// Relative to the repository; empty where the file is not in it.
std::string path_in_repository(std::string_view filename, const Style& style) {
  const std::string_view shortened = without_prefix(filename, style.strip_prefixes);
  if (shortened.empty() || shortened.front() == '<') return {};
  fs::path path(shortened);
  // What lost its folder is in the repository's own.
  const bool is_stripped = shortened.size() != filename.size();
  if (path.is_relative() && (is_stripped || style.repository.empty())) {
    return path.lexically_normal().string();
  }
  if (style.repository.empty()) return {};
  if (path.is_relative()) path = fs::path(style.working_folder) / path;
  path = path.lexically_normal().lexically_relative(fs::path(style.repository).lexically_normal());
  const std::string relative = path.string();
  const bool is_outside = relative.empty() || *path.begin() == ".." || relative == ".";
  return is_outside ? std::string() : relative;
}

struct Annotation {
  const Measurement* measurement;
  const Measurement::Line* line;  // null: none of its lines is in the repository
  std::string path{};
  std::uint32_t lineno = 0;
};

std::string text_of(const Annotation& annotation, const Style& style) {
  const Measurement& measurement = *annotation.measurement;
  std::string where;
  const auto add = [&](std::string_view property, std::string_view value) {
    if (value.empty()) return;
    where += fmt::format("{}{}={}", where.empty() ? "" : ",", property,
                         escaped_for_github(escaped(value), true));
  };
  add("file", annotation.path);
  if (annotation.lineno > 0) add("line", std::to_string(annotation.lineno));
  add("title", "over budget: " + measurement.name);
  std::string message = words_of(measurement.verdict, style, escaped);
  if (annotation.line != nullptr) {
    message += "; " + words_of(annotation.line->words, style, escaped);
  }
  return "::error " + where + "::" + escaped_for_github(message, false) + "\n";
}

// Of one limit, worst first: its lines that are in the repository; else where it is written.
std::vector<Annotation> annotations_of(const Measurement& measurement, const Style& style) {
  std::vector<Annotation> annotations;
  for (const Measurement::Line& line : measurement.lines) {
    const std::vector<FrameView> frames = line.place.report->traceback(line.place.group);
    if (frames.empty() || !frames.back().filename) continue;
    const std::string path = path_in_repository(*frames.back().filename, style);
    if (!path.empty()) annotations.push_back({&measurement, &line, path, frames.back().lineno});
  }
  if (!annotations.empty()) return annotations;
  const std::string path = path_in_repository(measurement.file, style);
  return {{&measurement, nullptr, path, path.empty() ? 0 : measurement.lineno}};
}

}  // namespace

void print_github(const Document& document, const Style& style, Sink& sink) {
  std::vector<const Measurement*> over;
  for (const Measurement& measurement : document.measurements) {
    if (measurement.is_over) over.push_back(&measurement);
  }
  std::stable_sort(over.begin(), over.end(), [](const Measurement* a, const Measurement* b) {
    return a->severity > b->severity;
  });
  std::vector<std::vector<Annotation>> all(over.size());
  std::ranges::transform(over, all.begin(),
                         [&](const Measurement* each) { return annotations_of(*each, style); });
  // The worst line of each limit comes first: none is forgotten for another's tenth line.
  std::size_t printed = 0;
  bool has_more = true;
  for (std::size_t rank = 0; has_more && printed < kMostAnnotations; ++rank) {
    has_more = false;
    for (const std::vector<Annotation>& annotations : all) {
      if (rank >= annotations.size() || printed == kMostAnnotations) continue;
      sink.write(text_of(annotations[rank], style));
      ++printed;
      has_more = true;
    }
  }
  for (const Note& note : document.heading) {
    if (note.headline) sink.write("mtrace check: " + words_of(note.text, style, escaped) + "\n");
  }
}

}  // namespace memtrace
