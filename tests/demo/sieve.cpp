// Keeps every fiftieth of its blocks: the others leave holes that no page fits in.
#include <cstring>
#include <memory>
#include <vector>

int main() {
  constexpr std::size_t kBlocks = 200000, kSize = 200, kKept = 50;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::make_unique<char[]>(kSize));
    std::memset(blocks.back().get(), 1, kSize);
  }
  // Never destroyed: they are alive in the last snapshot.
  auto& kept = *new std::vector<std::unique_ptr<char[]>>;
  for (std::size_t i = 0; i < kBlocks; i += kKept) kept.push_back(std::move(blocks[i]));
  blocks.clear();
  blocks.shrink_to_fit();
  return kept.size() == kBlocks / kKept ? 0 : 1;
}
