#include "runtime/snapshot/canonical_modules.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/os/process_text.hpp"

namespace memtrace::runtime {
namespace {

// By name, those without one last; then by build id.
bool is_before(const CanonicalModule& a, const CanonicalModule& b) {
  if (a.name.empty() != b.name.empty()) return b.name.empty();
  if (a.name != b.name) return a.name < b.name;
  return build_id_of(a) < build_id_of(b);
}

}  // namespace

std::string_view build_id_of(const CanonicalModule& module) {
  return {reinterpret_cast<const char*>(module.record->build_id.data()),
          module.record->build_id_size};
}

bool CanonicalModules::build() {
  return write_names() && sort();
}

bool CanonicalModules::write_names() {
  std::size_t size = 0;
  for (const ModuleRecord& record : records_) {
    if (record.path != nullptr) size += std::strlen(record.path) * kTextGrowth;
  }
  if (!names_.allocate(size) || !unsorted_.allocate(records_.size())) return false;
  char* text = names_.begin();
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const ModuleRecord& record = records_[i];
    const std::size_t length = record.path == nullptr ? 0 : copy_as_text(record.path, text);
    unsorted_[i] = {.record = &record, .name = {text, length}};
    text += length;
  }
  return true;
}

bool CanonicalModules::sort() {
  MappedArray<std::uint32_t> order;
  const std::size_t size = records_.size();
  if (!order.allocate(size) || !modules_.allocate(size) || !ids_.allocate(size)) return false;
  for (std::uint32_t i = 0; i < size; ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
    return is_before(unsorted_[a], unsorted_[b]);
  });
  std::uint32_t modules = 0;
  for (const std::uint32_t record : order.items()) {
    if (modules == 0 || is_before(modules_[modules - 1], unsorted_[record])) {
      modules_[modules++] = unsorted_[record];
    }
    ids_[record] = modules - 1;
  }
  modules_.shorten(modules);
  return true;
}

}  // namespace memtrace::runtime
