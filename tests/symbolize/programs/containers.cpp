// Memory that the standard library asks for on behalf of a line. "LIVE 400/1" behind a line says
// that it holds 400 bytes in 1 block when the program ends. Sizes are those of libstdc++ 12; those
// of LLVM's libc++ 14 stand behind them where they differ.
#include <dlfcn.h>

#include <any>
#include <cstdlib>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#define NOINLINE __attribute__((noinline))
// What comes behind a call keeps it from being a jump, after which nobody knows who called.
#define KEEP(pointer) __asm__ volatile("" : "+r"(pointer))

namespace {

struct Large {
  char bytes[500];
};

template <class T>
struct Table {
  NOINLINE void put(T value) {
    items.push_back(std::move(value));  // LIVE 504/1
  }
  std::vector<T> items;
};

struct Everything {
  std::vector<int> numbers;
  std::vector<std::string> names;
  std::string text, joined;
  std::map<int, Large> ordered;
  std::set<Large*> pointers;
  std::list<Large> chain;
  std::unordered_map<int, Large> hashed;
  std::unique_ptr<Large> owned;
  std::shared_ptr<Large> shared;
  std::function<char()> later;
  std::any anything;
  std::optional<std::vector<char>> perhaps;
  Table<std::pair<int, Large>> pairs;
};

NOINLINE void* plain(std::size_t size) {
  void* block = std::malloc(size);  // LIVE 1234/1
  KEEP(block);
  return block;
}

NOINLINE int* array() {
  int* numbers = new int[250];  // LIVE 1000/1
  KEEP(numbers);
  return numbers;
}

inline std::unique_ptr<Large> make_large() {
  return std::make_unique<Large>();  // LIVE 500/1
}

NOINLINE void fill(Everything& all) {
  all.numbers.resize(100);               // LIVE 400/1
  all.text.assign(200, 'x');             // LIVE 201/1, libc++ 208/1
  all.joined = all.text + "and so on";   // LIVE 401/1, libc++ 224/1
  all.ordered[7] = Large();              // LIVE 536/1
  all.pointers.insert(&all.ordered[7]);  // LIVE 40/1
  all.chain.emplace_back();              // LIVE 520/1
  all.hashed.emplace(3, Large());        // LIVE 616/2, libc++ 536/2
  all.owned = make_large();
  all.shared = std::make_shared<Large>();      // LIVE 520/1, libc++ 528/1
  all.anything = Large();                      // LIVE 500/1
  all.perhaps = std::vector<char>(77, 'y');    // LIVE 77/1
  all.names.reserve(4);                        // LIVE 128/1, libc++ 96/1
  all.names.push_back(std::string(300, 'z'));  // LIVE 301/1, libc++ 304/1
  const Large captured = {};
  all.later = [captured] { return captured.bytes[0]; };  // LIVE 500/1, libc++ 512/1
}

}  // namespace

// With an argument, a plugin is used and unloaded.
int main(int argc, char** argv) {
  static auto& all = *new Everything();  // LIVE 416/1, libc++ 384/1
  fill(all);
  static void* kept[] = {plain(1234), array()};
  for (int i = 0; i < argc; ++i) all.pairs.put({i, Large()});
  if (argc > 1) {
    void* const plugin = dlopen(argv[1], RTLD_NOW);
    reinterpret_cast<void (*)()>(dlsym(plugin, "use"))();
    dlclose(plugin);
  }
  std::_Exit(kept[0] == nullptr || all.numbers.empty());
}
