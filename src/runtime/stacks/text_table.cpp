#include "runtime/stacks/text_table.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/os/memory.hpp"

namespace memtrace::runtime {
namespace {

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = text.size();
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t taken = std::min(text.size(), sizeof word);
    std::memcpy(&word, text.data(), taken);
    hash = scatter(hash, word);
    text.remove_prefix(taken);
  }
  return hash;
}

}  // namespace

std::uint32_t TextTable::id_of(std::string_view text) {
  const std::uint64_t hash = hash_of(text);
  const std::uint32_t known =
      texts_by_content_.find(hash, [&](std::uint32_t id) { return texts_[id] == text; });
  if (known != IdIndex::kNotFound) return known;
  const char* const copied = copy(text);
  const std::uint32_t id = texts_.size();
  if (copied == nullptr || !texts_.push_back({copied, text.size()})) return IdIndex::kNotFound;
  return texts_by_content_.add(hash, id) ? id : IdIndex::kNotFound;
}

const char* TextTable::copy(std::string_view text) {
  constexpr std::size_t kAtOnce = std::size_t{256} << 10;
  if (text.empty()) return "";
  if (text.size() > room_size_) {
    const std::size_t size = std::max(kAtOnce, text.size());
    room_ = static_cast<char*>(map_memory(size));
    room_size_ = room_ == nullptr ? 0 : size;
    if (room_ == nullptr) return nullptr;
  }
  char* const copied = room_;
  std::memcpy(copied, text.data(), text.size());
  room_ += text.size();
  room_size_ -= text.size();
  return copied;
}

}  // namespace memtrace::runtime
