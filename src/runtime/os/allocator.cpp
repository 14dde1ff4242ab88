#include "runtime/os/allocator.hpp"

#include <malloc.h>
#include <sys/single_threaded.h>

#include <cstddef>

#include "runtime/os/symbol_lookup.hpp"

namespace memtrace::runtime {
namespace {

// How each allocator is asked. One of them is known at most.
struct Questions {
  struct mallinfo2 (*mallinfo2)() = nullptr;
  int (*mallctl)(const char*, void*, std::size_t*, void*, std::size_t) = nullptr;
  int (*tcmalloc_property)(const char*, std::size_t*) = nullptr;
  void (*mimalloc_process)(std::size_t*, std::size_t*, std::size_t*, std::size_t*, std::size_t*,
                           std::size_t*, std::size_t*, std::size_t*) = nullptr;
};
constinit Questions questions;
constinit std::string_view name;

std::int64_t as_bytes(std::size_t size) {
  return size > INT64_MAX ? kUnknownBytes : static_cast<std::int64_t>(size);
}

AllocatorFigures figures_of(std::size_t held, std::size_t in_blocks) {
  return {.held = as_bytes(held), .free = as_bytes(held > in_blocks ? held - in_blocks : 0)};
}

AllocatorFigures ask_glibc() {
  const struct mallinfo2 info = questions.mallinfo2();
  return {.held = as_bytes(info.arena + info.hblkhd), .free = as_bytes(info.fordblks)};
}

// "resident" is what it keeps in memory: blocks, its own tables, pages that it has not given back.
AllocatorFigures ask_jemalloc() {
  const auto ask = [](const char* what, std::size_t& answer) {
    std::size_t size = sizeof(answer);
    return questions.mallctl(what, &answer, &size, nullptr, 0) == 0;
  };
  // What it has counted since the last time is added up only now.
  std::uint64_t epoch = 1;
  std::size_t held = 0, in_blocks = 0;
  questions.mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch));
  if (!ask("stats.resident", held) || !ask("stats.allocated", in_blocks)) return {};
  return figures_of(held, in_blocks);
}

AllocatorFigures ask_tcmalloc() {
  std::size_t heap = 0, given_back = 0, in_blocks = 0;
  const bool is_known =
      questions.tcmalloc_property("generic.heap_size", &heap) != 0 &&
      questions.tcmalloc_property("tcmalloc.pageheap_unmapped_bytes", &given_back) != 0 &&
      questions.tcmalloc_property("generic.current_allocated_bytes", &in_blocks) != 0;
  if (!is_known) return {};
  return figures_of(heap > given_back ? heap - given_back : 0, in_blocks);
}

AllocatorFigures ask_mimalloc() {
  std::size_t committed = 0;
  questions.mimalloc_process(nullptr, nullptr, nullptr, nullptr, nullptr, &committed, nullptr,
                             nullptr);
  return {.held = as_bytes(committed)};
}

template <class Function>
bool find(const link_map& object, const char* symbol, Function*& function) {
  function = reinterpret_cast<Function*>(DynamicSymbols(object).find({symbol, {}}).address);
  return function != nullptr;
}

std::string_view find_questions(const link_map& object) {
  if (find(object, "mallctl", questions.mallctl)) return "jemalloc";
  if (find(object, "MallocExtension_GetNumericProperty", questions.tcmalloc_property)) {
    return "tcmalloc";
  }
  if (find(object, "mi_process_info", questions.mimalloc_process)) return "mimalloc";
  if (DynamicSymbols(object).soname() != "libc.so.6") return {};
  // Before glibc 2.33 its figures have 32 bits.
  find(object, "mallinfo2", questions.mallinfo2);
  return "glibc";
}

}  // namespace

void find_allocator() {
  const Definition allocator = find_next_definition({"malloc", {}});
  if (allocator.object != nullptr) name = find_questions(*allocator.object);
}

std::string_view allocator_name() {
  return name;
}

bool wants_program_thread() {
  return questions.mallctl != nullptr ||
         (questions.mallinfo2 != nullptr && __libc_single_threaded != 0);
}

AllocatorFigures read_allocator_figures() {
  if (questions.mallctl != nullptr) return ask_jemalloc();
  if (questions.tcmalloc_property != nullptr) return ask_tcmalloc();
  if (questions.mimalloc_process != nullptr) return ask_mimalloc();
  return questions.mallinfo2 != nullptr ? ask_glibc() : AllocatorFigures();
}

}  // namespace memtrace::runtime
