#include "python/extension/lookup_table.hpp"

#if PY_VERSION_HEX < 0x030D0000

#include <emmintrin.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>

#include "python/extension/new_object.hpp"
#include "python/extension/reference.hpp"

// Weak: where one is missing, the rest of the tracer works.
extern "C" {
[[gnu::weak]] decltype(_Py_hashtable_hash_ptr) _Py_hashtable_hash_ptr;              // NOLINT
[[gnu::weak]] decltype(_Py_hashtable_compare_direct) _Py_hashtable_compare_direct;  // NOLINT
[[gnu::weak]] int _PyTraceMalloc_NewReference(PyObject* object);  // NOLINT: 3.9 exports it
}

namespace memtrace::python {
namespace {

// The kernel reads what it is asked to set a mask to before it sees that it is asked for nothing.
bool is_readable(std::uintptr_t address) {
  constexpr int kNothing = -1;
  return syscall(SYS_rt_sigprocmask, kNothing, address, nullptr, sizeof(std::uint64_t)) == 0 ||
         errno == EINVAL;
}

bool may_be_table(std::uintptr_t address) {
  if (address % alignof(std::max_align_t) != 0 || address < 4096) return false;
  if (!is_readable(address) || !is_readable(address + sizeof(LookupTable) - sizeof(std::uint64_t)))
    return false;
  const auto* const table = reinterpret_cast<const LookupTable*>(address);
  return table->hash_func == _Py_hashtable_hash_ptr &&
         table->compare_func == _Py_hashtable_compare_direct;
}

std::uintptr_t probed_block = 0;
LookUp probed_look_up = nullptr;
LookupEntry* probe(LookupTable* table, const void* block) {
  probed_block = reinterpret_cast<std::uintptr_t>(block);
  return probed_look_up(table, block);
}

// Whether a new object is looked up there.
bool has_references(LookupTable* table) {
  probed_block = 0;
  probed_look_up = table->get_entry_func;
  table->get_entry_func = probe;
  const Reference object(PyList_New(0));
  table->get_entry_func = probed_look_up;
  return object && probed_block == block_of_object(object.get());
}

// What an interpreter's variables lie in.
struct Variables {
  static constexpr std::size_t kMost = 4;
  std::array<std::span<const std::uintptr_t>, kMost> segments;
  std::size_t count = 0;

  [[nodiscard]] bool hold(std::uintptr_t address) const {
    return std::any_of(segments.begin(), segments.end(), [&](const auto& segment) {
      return address - reinterpret_cast<std::uintptr_t>(segment.data()) < segment.size_bytes();
    });
  }
};

int find_variables(dl_phdr_info* module, std::size_t, void* found) {
  auto& variables = *static_cast<Variables*>(found);
  const auto inside = reinterpret_cast<std::uintptr_t>(_Py_NewReference);
  const std::span headers(module->dlpi_phdr, module->dlpi_phnum);
  const bool is_interpreter = std::any_of(headers.begin(), headers.end(), [&](const auto& header) {
    return header.p_type == PT_LOAD && inside - module->dlpi_addr - header.p_vaddr < header.p_memsz;
  });
  if (!is_interpreter) return 0;
  for (const auto& header : headers) {
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) == 0) continue;
    if (variables.count == Variables::kMost) break;
    const auto* const begin =
        reinterpret_cast<const std::uintptr_t*>(module->dlpi_addr + header.p_vaddr);
    variables.segments[variables.count++] = {begin, header.p_memsz / sizeof(std::uintptr_t)};
  }
  return 1;
}

// --- the function that looks into it ---

// Where the first call in the code leads to that _Py_NewReference() begins with; 0: there is none.
std::uintptr_t called_by_new_reference() {
  if (_PyTraceMalloc_NewReference != nullptr)
    return reinterpret_cast<std::uintptr_t>(_PyTraceMalloc_NewReference);
  constexpr std::uint8_t kCall = 0xE8, kJump = 0xE9;
  constexpr std::size_t kLength = 48;
  const auto begin = reinterpret_cast<std::uintptr_t>(_Py_NewReference);
  const auto* const code = reinterpret_cast<const std::uint8_t*>(begin);
  for (std::size_t at = 0; at < kLength; ++at) {
    if (code[at] != kCall && code[at] != kJump) continue;
    std::int32_t distance = 0;
    std::memcpy(&distance, code + at + 1, sizeof distance);
    return begin + at + 1 + sizeof distance + static_cast<std::uintptr_t>(std::int64_t{distance});
  }
  return 0;
}

// Whether a call of the function is among those that `frame` is in.
bool is_on_stack(std::uintptr_t function, const void* frame) {
  constexpr std::size_t kWords = 32, kLength = 512;
  const std::span words(static_cast<const std::uintptr_t*>(frame), kWords);
  return std::any_of(words.begin(), words.end(),
                     [&](std::uintptr_t word) { return word - function < kLength; });
}

std::uintptr_t asked_function = 0;
bool is_caller = false;
LookupEntry* probe_stack(LookupTable*, const void*) {
  is_caller = is_on_stack(asked_function, __builtin_frame_address(0));
  return nullptr;
}

}  // namespace

LookupTable* find_lookup_table() {
  if (_Py_hashtable_hash_ptr == nullptr || _Py_hashtable_compare_direct == nullptr) return nullptr;
  Variables variables;
  dl_iterate_phdr(find_variables, static_cast<void*>(&variables));
  for (const auto segment : variables.segments) {
    for (const std::uintptr_t word : segment) {
      if (variables.hold(word) || !may_be_table(word)) continue;
      auto* const table = reinterpret_cast<LookupTable*>(word);
      if (has_references(table)) return table;
    }
  }
  return nullptr;
}

std::uintptr_t find_lookup_function(LookupTable* table) {
  asked_function = called_by_new_reference();
  if (asked_function == 0) return 0;
  is_caller = false;
  const LookUp inner = table->get_entry_func;
  table->get_entry_func = probe_stack;
  const Reference object(PyList_New(0));
  table->get_entry_func = inner;
  return is_caller ? asked_function : 0;
}

bool Detour::write(std::uintptr_t function, const Code& code) {
  constexpr std::uintptr_t kPage = 4096;
  void* const page = reinterpret_cast<void*>(function & ~(kPage - 1));
  // Others may be running what else is on the page.
  if (mprotect(page, kPage, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return false;
  __m128i bytes;
  std::memcpy(&bytes, code.data(), sizeof bytes);
  _mm_store_si128(reinterpret_cast<__m128i*>(function), bytes);
  mprotect(page, kPage, PROT_READ | PROT_EXEC);
  return true;
}

bool Detour::set(std::uintptr_t function, std::uintptr_t target) {
  if (is_set() || function % kBytes != 0) return false;
  std::memcpy(original_.data(), reinterpret_cast<const void*>(function), kBytes);
  // jmp *0(%rip), and the address.
  constexpr std::array<std::uint8_t, 6> kJump = {0xFF, 0x25, 0, 0, 0, 0};
  static_assert(kJump.size() + sizeof target <= kBytes);
  Code code = original_;
  std::memcpy(code.data(), kJump.data(), kJump.size());
  std::memcpy(code.data() + kJump.size(), &target, sizeof target);
  if (!write(function, code)) return false;
  function_ = function;
  return true;
}

void Detour::clear() {
  if (is_set() && write(function_, original_)) function_ = 0;
}

}  // namespace memtrace::python

#endif
