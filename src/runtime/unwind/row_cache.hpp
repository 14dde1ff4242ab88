// Rows: what unwinding one frame takes, compiled from its rules and remembered.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/unwind/frame_step.hpp"
#include "wire/golden_ratio.hpp"

namespace memtrace::runtime {

// What unwinding one frame takes, in 16 bytes, and a thread's cache of it.

enum class RowKind : std::uint8_t {
  none,          // of an empty place in the cache
  from_rsp,      // CFA = rsp + cfa words
  from_rbp,      // CFA = rbp + cfa words
  realigned,     // CFA = what lies at rbp + cfa words (signed); rbp itself is saved where it points
  general,       // the rules have to be evaluated each time
  end_of_stack,  // the outermost frame
};

// Compiled from a module's call frame information for one address: the instruction that was
// interrupted, or the last byte of a call. The return address lies right below the CFA.
struct Row {
  std::uintptr_t address = 0;
  std::uint16_t cfa = 0;   // words
  std::uint16_t rbp = 0;   // rbp is saved so many words below the CFA; 0: it still holds it
  std::uint16_t next = 0;  // where the row of this frame's caller was last found
  RowKind kind = RowKind::none;
};
static_assert(sizeof(Row) == 16);

inline std::uintptr_t scattered(std::uintptr_t address) {
  return address * wire::kGoldenRatio;
}

// Direct-mapped. Zeroed memory is an empty one. Used by one thread.
//
// Rows are compiled when an address is missed, not module by module ahead: a miss is one search of
// .eh_frame_hdr and a few dozen instructions of one FDE, 0.4 us measured, once for each call site
// and thread, while compiling libstdc++, libc and an ordinary program ahead takes milliseconds and
// megabytes, most of them for functions that never run; and nothing is left behind by a dlclose.
class RowCache {
 public:
  static constexpr std::size_t kRows = 4096;

  // Before an unwind: empties the cache where modules have come or gone since the last one.
  void refresh() {
    const std::uint32_t now = code_generation.load(std::memory_order_acquire);
    if (now != generation_) empty(now);
  }
  // Makes all threads' caches empty themselves. Wherever an address may have begun to mean other
  // code: after dlopen, before and after dlclose.
  static void invalidate_all() { code_generation.fetch_add(1, std::memory_order_acq_rel); }

  static std::size_t place_of(std::uintptr_t address) {
    return static_cast<std::size_t>(scattered(address) >> (64 - kBits));
  }
  [[nodiscard]] Row* rows() { return rows_.data(); }
  // What its rows were compiled in.
  [[nodiscard]] std::uint32_t generation() const { return generation_; }
  // nullptr where it is not cached.
  [[nodiscard]] const Row* find(std::uintptr_t address) const {
    const Row& row = rows_[place_of(address)];
    return row.address == address ? &row : nullptr;
  }
  void put(const Row& row) { rows_[place_of(row.address)] = row; }

 private:
  static constexpr unsigned kBits = 12;
  static_assert(kRows == std::size_t{1} << kBits);

  void empty(std::uint32_t generation) {
    rows_.fill(Row{});
    generation_ = generation;
  }

  static inline constinit std::atomic<std::uint32_t> code_generation{0};

  std::array<Row, kRows> rows_;
  std::uint32_t generation_;
};

// Compiled rows that all threads share, behind their own caches.

// A big compiler calls malloc through more call sites than a thread's cache has rows, and a thread
// that begins knows none: finding a row here costs a cache miss or two, compiling it a microsecond.
// Of fixed size (1 MiB, as much of it in memory as is used); no locks, also inside a signal
// handler. Rows of earlier generations are never found.
bool find_shared_row(std::uintptr_t address, std::uint32_t generation, Row& row);
void put_shared_row(const Row& row, std::uint32_t generation);

// From rules to rows.

// The row that says the same as `located`, RowKind::general where none does.
Row compile_row(const LocatedRules& located, std::uintptr_t address);

}  // namespace memtrace::runtime
