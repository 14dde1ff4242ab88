// A snapshot's modules in the order in which the file holds them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/os/mapped_array.hpp"
#include "runtime/tracer/snapshot_data.hpp"

namespace memtrace::runtime {

inline constexpr std::uint32_t kNoName = 0xFFFFFFFF;

struct CanonicalModule {
  const ModuleRecord* record = nullptr;
  std::string_view name;            // as text; empty: not known
  std::uint32_t name_id = kNoName;  // into the strings
};

std::string_view build_id_of(const CanonicalModule& module);

// A library that was loaded twice is one module.
class CanonicalModules {
 public:
  explicit CanonicalModules(TableItems<ModuleRecord> records) : records_(records) {}

  // Once, before anything else. false where memory ran out.
  bool build();

  // The record's place among modules(); of kNoModule, one behind the last.
  [[nodiscard]] std::uint32_t id_of(std::uint32_t record) const {
    return record < ids_.size() ? ids_[record] : static_cast<std::uint32_t>(modules_.size());
  }
  [[nodiscard]] std::span<const CanonicalModule> modules() const { return modules_.items(); }
  // Whose names are to be numbered.
  [[nodiscard]] std::span<CanonicalModule> modules() { return modules_.items(); }

 private:
  bool write_names();
  bool sort();

  TableItems<ModuleRecord> records_;
  MappedArray<char> names_;                // as text, one behind the other
  MappedArray<CanonicalModule> unsorted_;  // by record
  MappedArray<std::uint32_t> ids_;         // by record
  MappedArray<CanonicalModule> modules_;
};

}  // namespace memtrace::runtime
