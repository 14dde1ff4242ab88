// A snapshot's strings in the order in which the file holds them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/os/mapped_array.hpp"
#include "runtime/snapshot/canonical_modules.hpp"

namespace memtrace::runtime {

// The name of what blocks without a traceback belong to.
inline constexpr std::string_view kUnknownName = "<unknown>";

// The modules' names, the texts that source lines use, and "<unknown>" where that is needed.
class CanonicalStrings {
 public:
  explicit CanonicalStrings(TableItems<std::string_view> texts) : texts_(texts) {}

  // Once, before anything else. false where memory ran out.
  bool allocate() { return ids_.allocate(texts_.size()); }
  // Before build(): the file needs it.
  void use(std::uint32_t text) {
    if (text < ids_.size()) ids_[text] = kUsed;
  }
  // Numbers the modules' names, too.
  bool build(std::span<CanonicalModule> modules, bool with_unknown_name);

  // Of a text that is used, and of "<unknown>"; kNoName of no text.
  [[nodiscard]] std::uint32_t id_of(std::uint32_t text) const {
    return text < ids_.size() ? ids_[text] : kNoName;
  }
  [[nodiscard]] std::uint32_t unknown_name() const { return unknown_name_; }
  [[nodiscard]] std::span<const std::string_view> strings() const { return strings_.items(); }

 private:
  static constexpr std::uint32_t kUsed = 1;

  struct Name {
    std::string_view text;
    std::uint32_t* id = nullptr;  // where its number goes
  };

  TableItems<std::string_view> texts_;
  MappedArray<std::uint32_t> ids_;  // by text; before build(), whether it is used
  MappedArray<std::string_view> strings_;
  std::uint32_t unknown_name_ = kNoName;
};

}  // namespace memtrace::runtime
