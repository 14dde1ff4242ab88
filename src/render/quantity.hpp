// Bytes, blocks and shares as people and tracemalloc write them.
#pragma once

#include <cstdint>
#include <string>

#include "mtrace/snapshot.hpp"
#include "render/renderer.hpp"

namespace memtrace {

enum class Sign : std::uint8_t { negative_only, always };

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

// "±1.2 KiB": one standard error, from its square.
std::string error_words(double size_variance, const Style& style);

// "3,211,004".
std::string grouped_digits(std::int64_t number, Sign sign = Sign::negative_only);
std::string grouped_digits(std::uint64_t number);
// "1 block", "3,211 blocks".
std::string counted(std::uint64_t number, std::string_view singular, std::string_view plural);

// "11.8%". Nothing has no share in nothing: "0.0%".
std::string percent_of(std::int64_t part, std::int64_t whole);
// "+13.3%"; empty where there was nothing before.
std::string percent_change(std::int64_t before, std::int64_t after);

}  // namespace memtrace
