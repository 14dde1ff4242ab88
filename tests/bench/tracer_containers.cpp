// Fills containers until many small blocks are alive, and empties them.
//
//   tracer_containers BLOCKS
//
// Prints the blocks and the seconds that it took.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Containers {
  std::map<std::uint64_t, std::uint64_t> map;
  std::list<std::uint64_t> list;
  std::vector<std::vector<int>> vectors;
  std::vector<std::string> strings;
  std::unordered_map<std::uint64_t, std::string> names;
};

// A fifth of the blocks of each kind.
__attribute__((noinline)) void fill(Containers& containers, std::uint64_t each) {
  constexpr std::uint64_t kScatter = 0x9E3779B97F4A7C15;
  for (std::uint64_t item = 0; item < each; ++item) {
    containers.map.emplace(item * kScatter, item);
    containers.list.push_back(item);
    containers.vectors.emplace_back(1 + item % 16);
    containers.strings.emplace_back(16 + item % 48, 'x');
    if (item % 2 == 0) containers.names.emplace(item, std::string(16 + item % 32, 'y'));
  }
}

__attribute__((noinline)) std::uint64_t use(const Containers& containers) {
  std::uint64_t sum = 0;
  for (const auto& [key, value] : containers.map) sum += key ^ value;
  for (const std::uint64_t value : containers.list) sum += value;
  for (const auto& text : containers.strings) sum += text.size();
  return sum;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: tracer_containers BLOCKS\n");
    return 2;
  }
  const std::uint64_t blocks = std::strtoull(arguments[1], nullptr, 10);
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t sum = 0;
  {
    Containers containers;
    fill(containers, blocks / 5);
    sum = use(containers);
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  std::printf("%.3f\n", passed.count());
  return sum == 42 ? 1 : 0;
}
