// A report that only the tests have, laid out in one file: what grows, of a few made-up services.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "render/document.hpp"

namespace memtrace::test {

struct Service {
  std::string name;
  std::vector<std::int64_t> sizes;  // bytes, at some moments
  double variance = 0;              // of the last one
  bool is_growing = false;
};

// One section for each team.
struct ToyReport {
  std::vector<std::pair<std::string, std::vector<Service>>> teams;
};

inline Section lay_out(const std::string& team, const std::vector<Service>& services) {
  Section section;
  section.heading = {{Sentence("services of ").name(team)}};
  section.facts = {{"team", team}};
  section.rows_key = "services";
  set_rows<Service>(
      section, services,
      {{{"name", "name", "service", 6, Unit::text},
        [](const Service& each) { return std::string_view(each.name); }},
       {{"verdict", "verdict", "verdict", 5, Unit::verdict},
        [](const Service& each) {
          return each.is_growing ? Mark{"growing", "UP", Emphasis::worse} : Mark{"flat", "flat"};
        }},
       {{"size", "size", "size", 1, Unit::bytes, Role::value, Emphasis::strong},
        [](const Service& each) { return each.sizes.back(); }},
       {{"change", "change", "change", 3, Unit::bytes, Role::change, Emphasis::by_sign},
        [](const Service& each) { return each.sizes.back() - each.sizes.front(); }},
       {{"size", "size", "error", 2, Unit::bytes, Role::standard_error},
        [](const Service& each) { return std::sqrt(each.variance); }},
       {{"sizes", "sizes", "course", 4, Unit::series},
        [](const Service& each) { return Course(each.sizes); }}});
  if (services.empty()) section.nothing = "no services";
  section.rest = "… and no more";
  section.rest_facts = {{"services", 0}};
  section.footer = {{.text = "all is well", .headline = true}};
  return section;
}

inline Document lay_out(const ToyReport& report) {
  Document document{.schema = "mtrace.toy/1", .title = "Services"};
  document.heading = {{"what grows"}};
  document.facts = {{"teams", report.teams.size()}};
  document.sections_key = "sections";
  for (const auto& [team, services] : report.teams) {
    document.sections.push_back(lay_out(team, services));
  }
  return document;
}

}  // namespace memtrace::test
