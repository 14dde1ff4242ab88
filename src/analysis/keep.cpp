#include "analysis/keep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "analysis/frame_match.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

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
