#include "render/filters.hpp"

namespace memtrace {
namespace {

void append(std::vector<std::string>& out, std::string_view option, const std::string& value) {
  out.push_back(std::string(option) + "=" + value);
}

void append_all(std::vector<std::string>& out, std::string_view option,
                const std::vector<Pattern>& patterns) {
  for (const Pattern& pattern : patterns) append(out, option, pattern.text());
}

void append_all(std::vector<std::string>& out, std::string_view option,
                const std::vector<Glob>& globs) {
  for (const Glob& glob : globs) append(out, option, glob.pattern());
}

}  // namespace

std::vector<std::string> filters_of(const Selection& selection) {
  std::vector<std::string> out;
  append_all(out, "--include", selection.include);
  append_all(out, "--exclude", selection.exclude);
  append_all(out, "--function", selection.function);
  append_all(out, "--module", selection.module);
  if (selection.all_frames) out.emplace_back("--all-frames");
  if (selection.domain) append(out, "--domain", *selection.domain);
  append_all(out, "--hide", selection.hide);
  append_all(out, "--hide-function", selection.hide_function);
  append_all(out, "--hide-module", selection.hide_module);
  if (selection.mine) out.emplace_back("--mine");
  if (selection.raw_frames) out.emplace_back("--raw-frames");
  for (const PrefixMap& rule : selection.map_prefixes) append(out, "--map-prefix", rule.text());
  if (selection.strip_template_args) out.emplace_back("--strip-template-args");
  return out;
}

}  // namespace memtrace
