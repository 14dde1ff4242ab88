#include "runtime/snapshot/canonical_strings.hpp"

#include <algorithm>

namespace memtrace::runtime {

bool CanonicalStrings::build(std::span<CanonicalModule> modules, bool with_unknown_name) {
  MappedArray<Name> names;
  const std::size_t most = texts_.size() + modules.size() + 1;
  if (!names.allocate(most) || !strings_.allocate(most)) return false;
  std::size_t count = 0;
  for (CanonicalModule& module : modules) {
    if (!module.name.empty()) names[count++] = {module.name, &module.name_id};
  }
  for (std::size_t text = 0; text < texts_.size(); ++text) {
    if (ids_[text] == kUsed) names[count++] = {texts_[text], &ids_[text]};
  }
  if (with_unknown_name) names[count++] = {kUnknownName, &unknown_name_};
  names.shorten(count);
  std::sort(names.begin(), names.end(),
            [](const Name& a, const Name& b) { return a.text < b.text; });
  std::uint32_t strings = 0;
  for (const Name& name : names.items()) {
    if (strings == 0 || strings_[strings - 1] != name.text) strings_[strings++] = name.text;
    *name.id = strings - 1;
  }
  strings_.shorten(strings);
  return true;
}

}  // namespace memtrace::runtime
