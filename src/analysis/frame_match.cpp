#include "analysis/frame_match.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "analysis/ownership.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// The answer to a question about a string, asked at its first use. kNone is the empty string.
template <class Ask>
class OncePerString {
 public:
  OncePerString(const StringTable& strings, const Ask& ask)
      : strings_(strings), ask_(ask), answers_(strings.size() + 1, kUnasked) {}

  bool operator()(StringId id) {
    char& answer = answers_[id == kNone<StringId> ? strings_.size() : index_of(id)];
    if (answer == kUnasked) answer = ask_(strings_[id]) ? 1 : 0;
    return answer == 1;
  }

 private:
  static constexpr char kUnasked = 2;
  const StringTable& strings_;
  const Ask& ask_;
  std::vector<char> answers_;
};

// Frame -> `match(frame)`.
template <class Match>
IdVector<FrameId, char> for_each_frame(const Tracebacks& tables, Match&& match) {
  IdVector<FrameId, char> matches;
  matches.reserve(tables.frames.size());
  for (const Frame& frame : tables.frames) matches.push_back(match(frame) ? 1 : 0);
  return matches;
}

StringId filename_or_module_id(const Tracebacks& tables, const Frame& frame) {
  if (frame.filename != kNone<StringId>) return frame.filename;
  return frame.module == kNone<ModuleId> ? kNone<StringId> : tables.modules[frame.module].name;
}

bool any_matches(std::span<const Glob> globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const Glob& glob) { return glob.matches(text); });
}

// C and C++ sources, and frames that have only a module: not a Python file's function of that name.
bool is_native(const Tracebacks& tables, const Frame& frame) {
  return !tables.strings[frame.filename].ends_with(".py");
}

// Names that any snapshot may be asked for, whether it has such blocks or not.
constexpr std::array<std::string_view, 3> kWellKnownDomains = {"python", "native", "mmap"};

// Narrows `kept` to the nodes whose visible frames match (or, excluding, do not).
void narrow(IdVector<NodeId, char>& kept, const Tracebacks& tables,
            const IdVector<FrameId, char>& frame_matches, bool all_frames, bool wanted) {
  IdVector<NodeId, char> matches(tables.nodes.size());
  for (const NodeId id : ids_of(tables.nodes)) {
    if (id == kRoot) continue;
    const Node& node = tables.nodes[id];
    const bool inherited = all_frames && matches[node.parent] != 0;
    matches[id] = inherited || frame_matches[node.frame] != 0 ? 1 : 0;
    if ((matches[id] != 0) != wanted) kept[id] = 0;
  }
}

std::string names_of(const IdVector<DomainId, Domain>& domains) {
  std::string names;
  for (const Domain& domain : domains) {
    if (!names.empty()) names += ", ";
    names += domain.name.empty() ? std::to_string(domain.number) : domain.name;
  }
  return names.empty() ? "none" : names;
}

}  // namespace

std::string_view filename_or_module(const Tracebacks& tables, const Frame& frame) {
  return tables.strings[filename_or_module_id(tables, frame)];
}

std::string_view module_or_package(const Tracebacks& tables, const Frame& frame) {
  if (frame.module != kNone<ModuleId>) return tables.strings[tables.modules[frame.module].name];
  return package_of(tables.strings[frame.filename]);
}

IdVector<FrameId, char> match_patterns(const Tracebacks& tables,
                                       std::span<const Pattern> patterns) {
  IdVector<FrameId, char> matches(tables.frames.size());
  for (const Pattern& pattern : patterns) {
    const auto ask = [&](std::string_view name) { return pattern.matches_filename(name); };
    OncePerString matches_name(tables.strings, ask);
    for (const FrameId id : ids_of(tables.frames)) {
      const Frame& frame = tables.frames[id];
      if (matches[id] != 0 || (pattern.lineno() && frame.lineno != *pattern.lineno())) continue;
      matches[id] = matches_name(filename_or_module_id(tables, frame)) ? 1 : 0;
    }
  }
  return matches;
}

IdVector<FrameId, char> match_functions(const Tracebacks& tables, std::span<const Glob> globs) {
  const auto ask = [&](std::string_view name) { return any_matches(globs, name); };
  OncePerString matches_name(tables.strings, ask);
  return for_each_frame(tables, [&](const Frame& frame) {
    return frame.function != kNone<StringId> && matches_name(frame.function);
  });
}

IdVector<FrameId, char> match_modules(const Tracebacks& tables, std::span<const Glob> globs) {
  const auto ask_module = [&](std::string_view name) { return any_matches(globs, name); };
  const auto ask_file = [&](std::string_view name) {
    const std::string_view package = package_of(name);
    return !package.empty() && any_matches(globs, package);
  };
  OncePerString module_matches(tables.strings, ask_module);
  OncePerString file_matches(tables.strings, ask_file);
  return for_each_frame(tables, [&](const Frame& frame) {
    return frame.module == kNone<ModuleId> ? file_matches(frame.filename)
                                           : module_matches(tables.modules[frame.module].name);
  });
}

IdVector<FrameId, char> match_system(const Tracebacks& tables) {
  const auto ask_file = [](std::string_view name) { return is_system_filename(name); };
  const auto ask_module = [](std::string_view name) { return is_system_module(name); };
  OncePerString is_system_file(tables.strings, ask_file);
  OncePerString is_system_object(tables.strings, ask_module);
  OncePerString is_entry(tables.strings, is_program_entry);
  return for_each_frame(tables, [&](const Frame& frame) {
    if (frame.filename != kNone<StringId> && is_system_file(frame.filename)) return true;
    if (frame.function != kNone<StringId> && is_entry(frame.function) && is_native(tables, frame))
      return true;
    // A library's sources are not the user's because they were compiled somewhere else.
    return frame.module != kNone<ModuleId> && is_system_object(tables.modules[frame.module].name);
  });
}

IdVector<FrameId, char> match_machinery(const Tracebacks& tables) {
  const auto ask = [](std::string_view name) {
    return is_allocation_machinery(name) || is_container_internal(name);
  };
  const auto ask_runner = [](std::string_view name) { return is_program_runner(name); };
  OncePerString is_runner(tables.strings, ask_runner);
  const bool is_run = std::ranges::any_of(tables.frames, [&](const Frame& frame) {
    return frame.filename != kNone<StringId> && is_runner(frame.filename);
  });
  const auto ask_file = [&](std::string_view name) {
    return is_container_source(name) || is_program_runner(name) ||
           (is_run && is_module_runner(name));
  };
  OncePerString is_machinery(tables.strings, ask);
  OncePerString is_allocator(tables.strings, is_allocator_module);
  OncePerString is_container(tables.strings, ask_file);
  return for_each_frame(tables, [&](const Frame& frame) {
    if (frame.filename != kNone<StringId> && is_container(frame.filename)) return true;
    if (frame.module != kNone<ModuleId> && is_allocator(tables.modules[frame.module].name)) {
      return true;
    }
    return frame.function != kNone<StringId> && is_machinery(frame.function) &&
           is_native(tables, frame);
  });
}

IdVector<FrameId, char> match_interpreter(const Tracebacks& tables) {
  OncePerString is_interpreter(tables.strings, is_interpreter_module);
  return for_each_frame(tables, [&](const Frame& frame) {
    return frame.module != kNone<ModuleId> && is_interpreter(tables.modules[frame.module].name);
  });
}

IdVector<FrameId, char> match_interpreted(const Tracebacks& tables) {
  return for_each_frame(tables, [](const Frame& frame) {
    return !frame.is_address() && frame.module == kNone<ModuleId>;
  });
}

IdVector<NodeId, char> kept_nodes(const Tracebacks& tables, const Selection& selection) {
  IdVector<NodeId, char> kept(tables.nodes.size(), 1);
  const bool all = selection.all_frames;
  if (!selection.include.empty()) {
    narrow(kept, tables, match_patterns(tables, selection.include), all, true);
  }
  if (!selection.exclude.empty()) {
    narrow(kept, tables, match_patterns(tables, selection.exclude), all, false);
  }
  if (!selection.function.empty()) {
    narrow(kept, tables, match_functions(tables, selection.function), all, true);
  }
  if (!selection.module.empty()) {
    narrow(kept, tables, match_modules(tables, selection.module), all, true);
  }
  return kept;
}

IdVector<DomainId, char> kept_domains(const IdVector<DomainId, Domain>& domains,
                                      const Selection& selection) {
  if (!selection.domain) return IdVector<DomainId, char>(domains.size(), 1);
  const std::string& wanted = *selection.domain;
  std::uint32_t number = 0;
  const char* const end = wanted.data() + wanted.size();
  const auto [parsed_to, error] = std::from_chars(wanted.data(), end, number);
  const bool by_number = error == std::errc() && parsed_to == end;

  IdVector<DomainId, char> kept;
  bool found = by_number || std::find(kWellKnownDomains.begin(), kWellKnownDomains.end(), wanted) !=
                                kWellKnownDomains.end();
  for (const Domain& domain : domains) {
    const bool matches = by_number ? domain.number == number : domain.name == wanted;
    found = found || matches;
    kept.push_back(matches ? 1 : 0);
  }
  if (!found) {
    throw Error(fmt::format("there is no domain '{}' (domains: {})", wanted, names_of(domains)));
  }
  return kept;
}

}  // namespace memtrace
