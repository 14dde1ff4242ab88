// A snapshot's frames, and what they name, in the order in which the file holds them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/os/mapped_array.hpp"
#include "runtime/snapshot/canonical_modules.hpp"
#include "runtime/snapshot/canonical_strings.hpp"
#include "runtime/tracer/snapshot_data.hpp"
#include "wire/radix_sort.hpp"

namespace memtrace::runtime {

struct CanonicalFrame {
  // As the file numbers them.
  enum class Kind : std::uint8_t { source = 0, return_address = 2, exact_address = 3 };
  std::uint64_t offset = 0;
  std::uint32_t module = kNoModule;
  std::uint32_t file = kNoName;
  std::uint32_t line = 0;
  std::uint32_t function = kNoName;
  Kind kind = Kind::source;
};

class CanonicalFrames {
 public:
  explicit CanonicalFrames(const SnapshotData& data)
      : data_(data), modules_(data.modules), strings_(data.texts) {}

  // Once, before anything else. false where memory ran out.
  bool allocate() { return ids_.allocate(data_.locations.size()) && strings_.allocate(); }
  // Before build(): the file needs it.
  void use(std::uint32_t location) { ids_[location] = kUsed; }
  // With a frame for blocks that have no traceback, if it is wanted.
  bool build(bool with_unknown);

  // Of a location that is used.
  [[nodiscard]] std::uint32_t id_of(std::uint32_t location) const { return ids_[location]; }
  [[nodiscard]] std::uint32_t unknown() const { return unknown_; }
  // Whether two locations became one frame.
  [[nodiscard]] bool has_equal() const { return has_equal_; }

  [[nodiscard]] std::span<const std::string_view> strings() const { return strings_.strings(); }
  [[nodiscard]] std::span<const CanonicalModule> modules() const { return modules_.modules(); }
  [[nodiscard]] std::span<const CanonicalFrame> frames() const { return frames_.items(); }

 private:
  static constexpr std::uint32_t kUsed = 1;

  // What frames are sorted by, most significant word first.
  struct SortKey {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    bool operator==(const SortKey&) const = default;
  };

  bool name_things(bool with_unknown);
  [[nodiscard]] CanonicalFrame frame_of(std::uint32_t location) const;
  [[nodiscard]] static SortKey key_of(const CanonicalFrame& frame);
  bool sort(bool with_unknown);
  void number(std::span<const wire::KeyedItem> order);

  const SnapshotData& data_;
  CanonicalModules modules_;
  CanonicalStrings strings_;
  MappedArray<std::uint32_t> ids_;  // by location; before build(), whether it is used
  MappedArray<CanonicalFrame> frames_;
  std::uint32_t unknown_ = 0;
  bool has_equal_ = false;
};

}  // namespace memtrace::runtime
