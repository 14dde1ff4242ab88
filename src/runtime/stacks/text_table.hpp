// Names of files and functions, each once, in the tracer's own memory. Used under its owner's lock,
// but for texts(), whose items never change.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/container/append_only.hpp"
#include "runtime/container/keyed_hash.hpp"

namespace memtrace::runtime {

class TextTable {
 public:
  // IdIndex::kNotFound where there is no memory.
  std::uint32_t id_of(std::string_view text);

  [[nodiscard]] const AppendOnly<std::string_view>& texts() const { return texts_; }

 private:
  static constexpr std::uint32_t kMostTexts = 1U << 26;

  const char* copy(std::string_view text);

  AppendOnly<std::string_view> texts_{kMostTexts};
  IdIndex texts_by_content_;
  char* room_ = nullptr;
  std::size_t room_size_ = 0;
};

}  // namespace memtrace::runtime
