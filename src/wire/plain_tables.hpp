// What a snapshot file holds, as plain values: what both of its writers hand to the encoder.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/format.hpp"

namespace memtrace::wire {

// "There is none", for the index of a string or a module.
inline constexpr std::uint32_t kNoIndex = 0xFFFFFFFF;

// Live, peak and total, size and count each: the file's columns in their order.
inline constexpr std::size_t kColumns = 6;

enum class PlainFrameKind : std::uint8_t {
  source = 0,
  inlined = 1,
  return_address = 2,
  exact_address = 3,
};

struct PlainFrame {
  std::uint64_t offset = 0;  // of addresses only
  std::uint32_t filename = kNoIndex;
  std::uint32_t lineno = 0;
  std::uint32_t function = kNoIndex;
  std::uint32_t module = kNoIndex;
  PlainFrameKind kind = PlainFrameKind::source;

  [[nodiscard]] constexpr bool is_address() const { return kind >= PlainFrameKind::return_address; }
};

// Modules compare in the order of the file where their names' indices do: by name, those without
// one last; then by build id.
struct PlainModule {
  std::uint32_t name = kNoIndex;
  std::string_view build_id;
  auto operator<=>(const PlainModule&) const = default;
};

struct PlainNode {
  std::uint32_t parent = 0;  // smaller than the node's own index
  std::uint32_t frame = 0;
};

struct PlainDomain {
  std::uint32_t number = 0;
  std::string_view name;  // empty: known by its number only
};

struct PlainPoint {
  std::uint64_t time = 0;     // nanoseconds since the Unix epoch
  std::uint64_t current = 0;  // traced bytes
};

// What the system sees of the process, where it is known.
struct PlainMemoryPoint {
  std::uint64_t time = 0;  // nanoseconds since the Unix epoch
  std::optional<std::uint64_t> resident, held;
};

struct PlainMemory {
  std::array<std::optional<std::uint64_t>, kMemoryAmounts> amounts;  // in the order of their keys
  std::string_view allocator;

  [[nodiscard]] constexpr bool is_known() const {
    for (const auto& amount : amounts) {
      if (amount) return true;
    }
    return !allocator.empty();
  }
};

// As formats/snapshot.md lists it, without the command's arguments and the labels. What is not
// known is not there.
struct PlainMetadata {
  std::uint64_t kind = 0;
  std::string_view program;
  std::optional<std::uint64_t> pid;
  std::string_view host;
  std::optional<std::uint64_t> started, created, traceback_limit, current, peak, tracer_memory,
      sampling_rate;
  std::uint64_t merged = 1;
  std::uint64_t truncated_tracebacks = 0;
  std::uint64_t dropped_blocks = 0;
  std::uint64_t unknown_frees = 0;
  std::uint64_t missing_threads = 0;
  std::optional<std::uint64_t> work;
  PlainMemory memory;
};

// What frames are ordered by, the most significant word first: source lines by file, line,
// function, module, kind; behind them addresses by module, kind, offset. What is unknown comes
// last.
struct FrameKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint64_t rest = 0;
  auto operator<=>(const FrameKey&) const = default;
};

constexpr FrameKey key_of(const PlainFrame& frame) {
  constexpr std::uint64_t kIsAddress = std::uint64_t{1} << 63;
  const std::uint64_t module = std::uint64_t{frame.module} << 1;
  if (frame.is_address()) {
    return {kIsAddress | module | (frame.kind == PlainFrameKind::exact_address ? 1U : 0U),
            frame.offset, 0};
  }
  return {frame.filename, std::uint64_t{frame.lineno} << 32 | frame.function,
          module | (frame.kind == PlainFrameKind::inlined ? 1U : 0U)};
}

}  // namespace memtrace::wire
