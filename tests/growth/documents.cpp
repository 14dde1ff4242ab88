#include "documents.hpp"

#include <memory>
#include <vector>

namespace {

std::vector<std::unique_ptr<char[]>>& documents() {
  static auto& kept = *new std::vector<std::unique_ptr<char[]>>();
  return kept;
}

}  // namespace

void index_documents(std::size_t count) {
  documents().reserve(100'000);
  for (std::size_t i = 0; i < count; ++i) {
    documents().push_back(std::make_unique<char[]>(1000));  // a copy
  }
}

void forget_documents() {
  documents().clear();
}

void sort_in_memory(std::size_t bytes) {
  std::vector<char> scratch(bytes);  // the scratch
  static volatile char kept;
  kept = scratch[bytes / 2];
}
