#include "render/filters.hpp"

namespace memtrace {
namespace {

void append(std::vector<std::string>& out, std::string_view option, const std::string& value) {
  out.push_back(std::string(option) + "=" + value);
}

}  // namespace

std::vector<std::string> filters_of(const Selection& selection) {
  std::vector<std::string> out;
  for (const Pattern& pattern : selection.include) append(out, "--include", pattern.text());
  for (const Pattern& pattern : selection.exclude) append(out, "--exclude", pattern.text());
  for (const Glob& glob : selection.function) append(out, "--function", glob.pattern());
  for (const Glob& glob : selection.module) append(out, "--module", glob.pattern());
  if (selection.all_frames) out.emplace_back("--all-frames");
  if (selection.domain) append(out, "--domain", *selection.domain);
  for (const Pattern& pattern : selection.hide) append(out, "--hide", pattern.text());
  for (const Glob& glob : selection.hide_function) append(out, "--hide-function", glob.pattern());
  for (const Glob& glob : selection.hide_module) append(out, "--hide-module", glob.pattern());
  if (selection.mine) out.emplace_back("--mine");
  if (selection.raw_frames) out.emplace_back("--raw-frames");
  for (const PrefixMap& rule : selection.map_prefixes) append(out, "--map-prefix", rule.text());
  if (selection.strip_template_args) out.emplace_back("--strip-template-args");
  return out;
}

}  // namespace memtrace
