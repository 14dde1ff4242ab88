// Bytes, blocks, shares and moments as people and tracemalloc write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mtrace/snapshot.hpp"
#include "render/renderer.hpp"

namespace memtrace {

// Bytes a block, rounded once and correctly also where the numbers are too large for a double, as
// Python's division of integers is; 0 where there is no block.
double average_of(Amount amount);
// The same to the nearest byte, halves up.
std::int64_t rounded_average_of(Amount amount);

// What tracemalloc prints: "9999 B", "96.1 KiB", "1023 KiB".
std::string tracemalloc_size(std::int64_t size, Sign sign = Sign::negative_only);
std::string tracemalloc_size(double size, Sign sign = Sign::negative_only);

// For people: "512 B", "96.1 KiB", "1.2 GiB"; plain integers where the style asks for bytes.
std::string human_size(std::int64_t size, const Style& style, Sign sign = Sign::negative_only);
std::string human_size(std::uint64_t size, const Style& style);

// "1.2 MiB (1,258,291 bytes)", "1 byte"; "1258291 bytes" where the style asks for bytes.
std::string exact_size(std::uint64_t size, const Style& style);

// "3,211,004".
std::string grouped_digits(std::int64_t number, Sign sign = Sign::negative_only);
std::string grouped_digits(std::uint64_t number);
// "1 block", "3,211 blocks".
std::string counted(std::uint64_t number, std::string_view singular, std::string_view plural);

// "11.8%". Nothing has no share in nothing: "0.0%".
std::string percent_of(std::int64_t part, std::int64_t whole);
std::string percent_words(double percent);
// The number alone, of a hundred.
double share_of(std::int64_t part, std::int64_t whole);
// "+13.3%"; empty where there was nothing before.
std::string percent_change(std::int64_t before, std::int64_t after);

// "▁" to "█": a part of the largest, from 0 to 1.
std::string_view bar_of(double part);

// "███▌": so much of `width` columns, to the eighth; what is not nothing is never shown as nothing.
std::string part_bar(double part, std::size_t width);
// The same in whole columns, "░░░": for what shrank, where no colour says so.
std::string shaded_bar(double part, std::size_t width);

// A moment in nanoseconds since the Unix epoch, cut to the second: "2026-11-20T23:16:36Z".
std::string rfc3339(std::int64_t nanoseconds);
// For people: "2026-11-20 23:16:36 UTC".
std::string utc_time(std::int64_t nanoseconds);
// "850 ms", "42.1 s", "3 min 20 s", "2 h 5 min", "12 d 3 h".
std::string duration(std::int64_t nanoseconds);

}  // namespace memtrace
