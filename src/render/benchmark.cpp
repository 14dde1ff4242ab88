// What follows measurements over many commits: github-action-benchmark's JSON
// ("customSmallerIsBetter") and Bencher's metric format.
#include <fmt/format.h>

#include <map>

#include "render/json.hpp"
#include "render/quantity.hpp"
#include "render/renderer.hpp"

namespace memtrace {
namespace {

using Layout = JsonWriter::Layout;

std::string as_it_is(std::string_view text) {
  return std::string(text);
}

// "peak-size-per-file": Bencher's names of measures have no spaces.
std::string slug_of(const std::string& measure) {
  std::string slug = measure;
  for (char& c : slug) {
    if (c == ' ') c = '-';
  }
  return slug;
}

}  // namespace

void print_benchmark(const Document& document, const Style& style, Sink& sink) {
  JsonWriter json(sink);
  json.begin_array(Layout::lines);
  for (const Measurement& measurement : document.measurements) {
    json.begin_object();
    json.member("name", measurement.name + ": " + measurement.measure);
    json.member("unit", measurement.unit);
    json.member("value", measurement.value);
    if (measurement.error > 0) json.member("range", fmt::format("± {:.0f}", measurement.error));
    json.member("extra", words_of(measurement.verdict, style, as_it_is));
    json.end_object();
  }
  json.end_array();
  json.finish();
}

// A budget with several limits is one benchmark with several measures.
void print_bmf(const Document& document, const Style&, Sink& sink) {
  std::map<std::string, std::vector<const Measurement*>> benchmarks;
  std::vector<std::string> order;
  for (const Measurement& measurement : document.measurements) {
    auto& measures = benchmarks[measurement.name];
    if (measures.empty()) order.push_back(measurement.name);
    measures.push_back(&measurement);
  }
  JsonWriter json(sink);
  json.begin_object(Layout::lines);
  for (const std::string& name : order) {
    json.text_key(name);
    json.begin_object();
    for (const Measurement* const measurement : benchmarks[name]) {
      json.text_key(slug_of(measurement->measure));
      json.begin_object();
      json.member("value", measurement->value);
      if (measurement->error > 0) {
        const auto value = static_cast<double>(measurement->value);
        json.member("lower_value", value - measurement->error);
        json.member("upper_value", value + measurement->error);
      }
      json.end_object();
    }
    json.end_object();
  }
  json.end_object();
  json.finish();
}

}  // namespace memtrace
