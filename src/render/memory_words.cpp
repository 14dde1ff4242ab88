#include "render/memory_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "render/quantity.hpp"

namespace memtrace {
namespace {

// So that sums of some of them fit, whatever a file says.
std::int64_t as_size(const std::optional<std::uint64_t>& bytes) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 60;
  return static_cast<std::int64_t>(std::min(bytes.value_or(0), kMost));
}

// What to do about memory that is free, but kept.
std::string advice_for(const std::string& allocator) {
  if (allocator == "glibc") {
    return "MALLOC_ARENA_MAX=2 makes fewer arenas, malloc_trim(0) gives free pages back, jemalloc "
           "and mimalloc keep less";
  }
  if (allocator == "jemalloc") {
    return "MALLOC_CONF=dirty_decay_ms:1000,background_thread:true gives free pages back sooner";
  }
  if (allocator == "tcmalloc") {
    return "TCMALLOC_RELEASE_RATE=10 gives free pages back sooner, "
           "MallocExtension_ReleaseFreeMemory() at once";
  }
  return {};
}

std::string free_place(const ProcessMemory& memory) {
  return memory.allocator == "glibc" ? "glibc's arenas" : allocator_words(memory);
}

MemoryGap free_gap(const ProcessMemory& memory) {
  const std::int64_t size = as_size(memory.free);
  return {size,
          Sentence().size(size).say(" are free in " + free_place(memory) +
                                    ": fragmentation, not a leak"),
          advice_for(memory.allocator)};
}

// The allocator's own tables, and what it has given to nobody who is traced.
MemoryGap untraced_gap(const Metadata& metadata) {
  const ProcessMemory& memory = metadata.memory;
  const std::int64_t size = as_size(memory.held) - as_size(memory.free) - as_size(metadata.current);
  return {size,
          Sentence().size(size).say(" are in blocks that are not traced, and in the headers of " +
                                    allocator_words(memory)),
          "blocks from before the tracing began are not traced: mtrace run traces from the start"};
}

MemoryGap file_gap(const ProcessMemory& memory) {
  const std::int64_t size = as_size(memory.file);
  return {size, Sentence().size(size).say(" are pages of files: code and mapped data"), {}, true};
}

MemoryGap shared_gap(const ProcessMemory& memory) {
  const std::int64_t size = as_size(memory.shared);
  return {size, Sentence().size(size).say(" are shared memory"), {}};
}

// Neither of a file, nor of the allocator, nor the tracer's.
MemoryGap mapped_gap(const Metadata& metadata) {
  const ProcessMemory& memory = metadata.memory;
  const std::int64_t explained =
      std::max(as_size(memory.held), as_size(metadata.current)) + as_size(metadata.tracer_memory);
  const std::int64_t size = as_size(memory.anonymous) - explained;
  return {
      size,
      Sentence().size(size).say(
          " are neither the allocator's nor a file's: stacks, and mappings of the program's own"),
      "mtrace run --mmap traces mappings"};
}

MemoryGap tracer_gap(const Metadata& metadata) {
  const std::int64_t size = as_size(metadata.tracer_memory);
  return {size, Sentence().size(size).say(" are the tracer's own"), {}, true};
}

}  // namespace

std::string allocator_words(const ProcessMemory& memory) {
  const auto is_known = [&](std::string_view name) { return memory.allocator == name; };
  // A name that a file brings is not one that is known.
  for (const std::string_view name : {"glibc", "jemalloc", "tcmalloc", "mimalloc"}) {
    if (is_known(name)) return std::string(name);
  }
  return "the allocator";
}

Sentence memory_chain(const Metadata& metadata) {
  Sentence words;
  const ProcessMemory& memory = metadata.memory;
  const auto begin = [&](std::string_view what, std::string_view first) {
    words.say(std::string(words.empty() ? first : what));
  };
  if (metadata.current) {
    words.say("traced ").bytes(*metadata.current);
    if (metadata.peak) words.say(" (peak ").bytes(*metadata.peak).say(")");
  }
  if (memory.held) {
    begin(" → held by ", "held by ");
    words.say(allocator_words(memory) + " ").bytes(*memory.held);
  }
  if (memory.resident) {
    begin(" → resident ", "resident ");
    words.bytes(*memory.resident);
  }
  return words;
}

std::vector<MemoryGap> gaps_of(const Metadata& metadata) {
  constexpr std::int64_t kLeast = std::int64_t{4} << 20, kShare = 8;
  const ProcessMemory& memory = metadata.memory;
  std::vector<MemoryGap> gaps;
  if (memory.free) gaps.push_back(free_gap(memory));
  if (memory.held && memory.free && metadata.current) gaps.push_back(untraced_gap(metadata));
  if (memory.file) gaps.push_back(file_gap(memory));
  if (memory.shared) gaps.push_back(shared_gap(memory));
  if (memory.anonymous && memory.held) gaps.push_back(mapped_gap(metadata));
  if (metadata.tracer_memory && memory.resident) gaps.push_back(tracer_gap(metadata));
  const std::int64_t least =
      std::max(kLeast, std::max(as_size(memory.resident), as_size(memory.held)) / kShare);
  std::erase_if(gaps, [least](const MemoryGap& gap) { return gap.size < least; });
  std::stable_sort(gaps.begin(), gaps.end(),
                   [](const MemoryGap& a, const MemoryGap& b) { return a.size > b.size; });
  return gaps;
}

Sentence gap_words(const Metadata& metadata) {
  constexpr std::int64_t kShare = 4;
  for (const MemoryGap& gap : gaps_of(metadata)) {
    if (!gap.is_usual && gap.size >= as_size(metadata.memory.resident) / kShare) return gap.what;
  }
  return {};
}

Sentence growth_of_free_memory(const Metadata& before, const Metadata& after) {
  constexpr std::int64_t kLeast = std::int64_t{4} << 20;
  const ProcessMemory &old = before.memory, &now = after.memory;
  if (!old.free || !now.free || !old.resident || !now.resident) return {};
  const std::int64_t more = as_size(now.free) - as_size(old.free);
  if (more < kLeast || more < (as_size(now.resident) - as_size(old.resident)) / 2) return {};
  return Sentence()
      .size(more, Sign::always)
      .say(" are free in " + free_place(now) + ": fragmentation, not a leak");
}

Sentence memory_change(const Metadata& before, const Metadata& after) {
  Sentence words;
  const auto add = [&](std::string_view what, const std::optional<std::uint64_t>& old,
                       const std::optional<std::uint64_t>& now) {
    if (!old || !now) return;
    words.say(fmt::format("{}{} ", words.empty() ? "" : ", ", what))
        .size(as_size(now) - as_size(old), Sign::always);
  };
  if (!before.memory.resident && !before.memory.held) return {};
  add("traced", before.current, after.current);
  add("held by " + allocator_words(after.memory), before.memory.held, after.memory.held);
  add("resident", before.memory.resident, after.memory.resident);
  const Sentence free = growth_of_free_memory(before, after);
  return free.empty() ? words : words.say("; ").join(free);
}

std::string marked_course(std::span<const std::int64_t> times,
                          std::span<const std::int64_t> values) {
  constexpr std::size_t kBars = 40;
  if (times.size() < 2 || times.front() >= times.back()) return {};
  const auto all = static_cast<double>(times.back() - times.front());
  std::vector<std::int64_t> heights(kBars, -1);
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double part = static_cast<double>(times[i] - times.front()) / all;
    const auto bar = std::min(kBars - 1, static_cast<std::size_t>(part * kBars));
    heights[bar] = std::max(heights[bar], values[i]);
  }
  // Nothing happened: it is as it was.
  for (std::size_t i = 1; i < kBars; ++i) {
    if (heights[i] < 0) heights[i] = heights[i - 1];
  }
  const auto highest = std::max_element(heights.begin(), heights.end());
  std::string line;
  for (auto height = heights.begin(); height != heights.end(); ++height) {
    const double part =
        *highest <= 0 ? 0 : static_cast<double>(*height) / static_cast<double>(*highest);
    line += height == highest ? "[" + std::string(bar_of(part)) + "]" : std::string(bar_of(part));
  }
  return line;
}

}  // namespace memtrace
