#include "cli/budget_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

// Some damaged files reach assertions of toml++. These refuse the file here, where they would end
// the process or, without assertions, be taken for true. Formatters and exceptions cost most of
// what it takes to compile toml++.
namespace {
struct FailedAssertion {};
[[noreturn]] void fail_assertion() {
  throw FailedAssertion();
}
}  // namespace
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : fail_assertion())
#define TOML_ENABLE_FORMATTERS 0
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include <algorithm>
#include <cctype>
#include <set>

#include "base/file_input.hpp"
#include "base/suggestion.hpp"
#include "cli/arguments.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

[[noreturn]] void refuse(const toml::source_region& where, const std::string& message) {
  throw Error(fmt::format("{}: {}", where.begin.line, message));
}

[[noreturn]] void refuse(const toml::node& where, const std::string& message) {
  refuse(where.source(), message);
}

// Says what is wrong with a value as the command line would.
template <class Parse>
auto parsed(const toml::node& node, const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    refuse(node, error.what());
  }
}

// --- values ---

std::string text_of(const toml::node& node, std::string_view key) {
  const auto text = node.value_exact<std::string>();
  if (!text) refuse(node, fmt::format("{} is a text: write {} = \"…\"", key, key));
  return *text;
}

bool flag_of(const toml::node& node, std::string_view key) {
  const auto flag = node.value_exact<bool>();
  if (!flag) refuse(node, fmt::format("{} is true or false", key));
  return *flag;
}

std::vector<std::string> texts_of(const toml::node& node, std::string_view key) {
  const toml::array* const array = node.as_array();
  if (array == nullptr) {
    if (!node.is_string()) {
      refuse(node, fmt::format("{} is a text or a list of texts", key));
    }
    return {text_of(node, key)};
  }
  std::vector<std::string> texts;
  for (const toml::node& element : *array) {
    if (!element.is_string()) refuse(element, fmt::format("{} is a list of texts", key));
    texts.push_back(text_of(element, key));
  }
  if (texts.empty()) refuse(node, fmt::format("{} is empty: leave it out", key));
  return texts;
}

std::int64_t not_negative(const toml::node& node, std::string_view key, std::int64_t number) {
  if (number < 0) refuse(node, fmt::format("{} is negative", key));
  return number;
}

std::int64_t size_of(const toml::node& node, std::string_view key) {
  if (const auto bytes = node.value_exact<std::int64_t>()) return not_negative(node, key, *bytes);
  const auto text = node.value_exact<std::string>();
  if (!text) refuse(node, fmt::format("{} is a size: write \"50 KiB\" or 51200", key));
  return parsed(node, [&] { return parse_size(*text); });
}

std::int64_t count_of(const toml::node& node, std::string_view key) {
  const auto count = node.value_exact<std::int64_t>();
  if (!count) refuse(node, fmt::format("{} is a number of blocks: write 1000", key));
  return not_negative(node, key, *count);
}

void add_growth(Limits& limits, const toml::node& node, std::string_view key) {
  const auto set = [&](auto& limit, const auto& value) {
    if (limit) refuse(node, fmt::format("{} is one size and one percentage at most", key));
    limit = value;
  };
  if (const auto bytes = node.value_exact<std::int64_t>()) {
    return set(limits.max_growth, not_negative(node, key, *bytes));
  }
  const auto text = node.value_exact<std::string>();
  if (!text) {
    refuse(node, fmt::format("{} is a size or a percentage: write \"64 KiB\", \"5%\" or both in "
                             "a list",
                             key));
  }
  const Growth growth = parsed(node, [&] { return parse_growth(*text); });
  if (growth.size) set(limits.max_growth, *growth.size);
  if (growth.percent) set(limits.max_growth_percent, *growth.percent);
}

void read_growth(Limits& limits, const toml::node& node, std::string_view key) {
  const toml::array* const array = node.as_array();
  if (array == nullptr) return add_growth(limits, node, key);
  if (array->empty()) refuse(node, fmt::format("{} is empty: leave it out", key));
  for (const toml::node& element : *array) add_growth(limits, element, key);
}

template <class Table>
auto named(const toml::node& node, std::string_view key, const Table& table) {
  const std::string text = text_of(node, key);
  std::vector<std::string> names;
  for (const auto item : table) {
    if (name_of(item) == text) return item;
    names.emplace_back(name_of(item));
  }
  const std::string meant = nearest(text, names);
  refuse(node, meant.empty()
                   ? fmt::format("{}: '{}' is none of {}", key, text, fmt::join(names, ", "))
                   : fmt::format("{}: '{}' is unknown, did you mean '{}'?", key, text, meant));
}

template <class T>
std::vector<T> compiled(const toml::node& node, std::string_view key) {
  const std::vector<std::string> texts = texts_of(node, key);
  return {texts.begin(), texts.end()};
}

std::string domain_of(const toml::node& node, std::string_view key) {
  const auto number = node.value_exact<std::int64_t>();
  return number ? std::to_string(not_negative(node, key, *number)) : text_of(node, key);
}

std::string date_of(const toml::node& node, std::string_view key) {
  const auto date = node.value_exact<toml::date>();
  if (!date) refuse(node, fmt::format("{} is a date without quotes: write 2027-01-31", key));
  return fmt::format("{:04}-{:02}-{:02}", date->year, date->month, date->day);
}

// --- keys ---

struct Key {
  using Read = void (*)(Budget& to, const toml::node& node, std::string_view key);
  std::string_view name;
  Read read;
};

using Node = toml::node;
using Name = std::string_view;

const auto kKeys = std::to_array<Key>({
    {"name", [](Budget& to, const Node& node, Name key) { to.name = text_of(node, key); }},
    {"reason", [](Budget& to, const Node& node, Name key) { to.reason = text_of(node, key); }},
    {"owner", [](Budget& to, const Node& node, Name key) { to.owner = text_of(node, key); }},
    {"expires", [](Budget& to, const Node& node, Name key) { to.expires = date_of(node, key); }},
    {"group_by", [](Budget& to, const Node& node,
                    Name key) { to.selection.group_by = named(node, key, kGroupBys); }},
    {"metric", [](Budget& to, const Node& node,
                  Name key) { to.selection.metric = named(node, key, kMetrics); }},
    {"cumulative",
     [](Budget& to, const Node& node, Name key) { to.selection.cumulative = flag_of(node, key); }},
    {"include", [](Budget& to, const Node& node,
                   Name key) { to.selection.include = compiled<Pattern>(node, key); }},
    {"exclude", [](Budget& to, const Node& node,
                   Name key) { to.selection.exclude = compiled<Pattern>(node, key); }},
    {"all_frames",
     [](Budget& to, const Node& node, Name key) { to.selection.all_frames = flag_of(node, key); }},
    {"domain",
     [](Budget& to, const Node& node, Name key) { to.selection.domain = domain_of(node, key); }},
    {"function", [](Budget& to, const Node& node,
                    Name key) { to.selection.function = compiled<Glob>(node, key); }},
    {"module", [](Budget& to, const Node& node,
                  Name key) { to.selection.module = compiled<Glob>(node, key); }},
    {"hide", [](Budget& to, const Node& node,
                Name key) { to.selection.hide = compiled<Pattern>(node, key); }},
    {"hide_function", [](Budget& to, const Node& node,
                         Name key) { to.selection.hide_function = compiled<Glob>(node, key); }},
    {"hide_module", [](Budget& to, const Node& node,
                       Name key) { to.selection.hide_module = compiled<Glob>(node, key); }},
    {"mine",
     [](Budget& to, const Node& node, Name key) { to.selection.mine = flag_of(node, key); }},
    {"raw_frames",
     [](Budget& to, const Node& node, Name key) { to.selection.raw_frames = flag_of(node, key); }},
    {"strip_template_args",
     [](Budget& to, const Node& node,
        Name key) { to.selection.strip_template_args = flag_of(node, key); }},
    {"max_size",
     [](Budget& to, const Node& node, Name key) { to.limits.max_size = size_of(node, key); }},
    {"max_peak",
     [](Budget& to, const Node& node, Name key) { to.limits.max_peak = size_of(node, key); }},
    {"max_count",
     [](Budget& to, const Node& node, Name key) { to.limits.max_count = count_of(node, key); }},
    {"max_growth",
     [](Budget& to, const Node& node, Name key) { read_growth(to.limits, node, key); }},
    {"fail_on_new",
     [](Budget& to, const Node& node, Name key) { to.limits.fail_on_new = flag_of(node, key); }},
    {"per_group",
     [](Budget& to, const Node& node, Name key) { to.limits.per_group = flag_of(node, key); }},
    {"min_size",
     [](Budget& to, const Node& node, Name key) { to.limits.min_size = size_of(node, key); }},
});

[[noreturn]] void refuse_key(const toml::key& key, std::span<const std::string> known) {
  const std::string meant = nearest(key.str(), known);
  if (!meant.empty()) {
    refuse(key.source(), fmt::format("unknown key '{}', did you mean '{}'?", key.str(), meant));
  }
  refuse(key.source(),
         fmt::format("unknown key '{}': mtrace-check(1) lists those that there are", key.str()));
}

// A table has its keys by name; what is wrong first is said first.
std::vector<std::pair<const toml::key*, const toml::node*>> in_order(const toml::table& table) {
  std::vector<std::pair<const toml::key*, const toml::node*>> keys;
  for (const auto& [key, node] : table) keys.emplace_back(&key, &node);
  std::ranges::sort(keys, [](const auto& a, const auto& b) {
    const auto &x = a.first->source().begin, &y = b.first->source().begin;
    return std::pair(x.line, x.column) < std::pair(y.line, y.column);
  });
  return keys;
}

// --- budgets ---

bool has_limit(const Limits& limits) {
  return limits.max_size || limits.max_peak || limits.max_count || limits.needs_baseline();
}

void check_budget(const Budget& budget, const toml::table& table) {
  if (budget.name.empty()) refuse(table, "a budget needs a name");
  if (!has_limit(budget.limits)) {
    refuse(table, fmt::format("budget '{}' has no limit: give max_size, max_peak, max_count, "
                              "max_growth or fail_on_new",
                              budget.name));
  }
  try {
    validate(budget.selection);
  } catch (const Error& error) {
    refuse(table, fmt::format("budget '{}': {}", budget.name, error.what()));
  }
}

void check_date(const Budget& budget, const toml::table& table, std::chrono::sys_days today) {
  const auto expires = table["expires"].value_exact<toml::date>();
  if (!expires) return;
  const std::chrono::year_month_day last(std::chrono::year(expires->year),
                                         std::chrono::month(expires->month),
                                         std::chrono::day(expires->day));
  if (std::chrono::sys_days(last) >= today) return;
  refuse(*table.get("expires"),
         fmt::format("budget '{}' expired on {}: renew or remove it", budget.name, budget.expires));
}

// Bytes at which each line begins.
std::vector<std::size_t> line_starts(std::string_view text) {
  std::vector<std::size_t> starts = {0};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') starts.push_back(i + 1);
  }
  return starts;
}

// Where a column, which counts code points from 1, is.
std::size_t offset_of(std::string_view text, const std::vector<std::size_t>& starts,
                      const toml::source_position& position) {
  if (position.line == 0 || position.line > starts.size()) return text.size();
  std::size_t offset = starts[position.line - 1];
  for (std::size_t column = 1; column < position.column && offset < text.size(); ++column) {
    do {
      ++offset;
    } while (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80);
  }
  return offset;
}

bool fails_assertion(std::string_view text) {
  try {
    static_cast<void>(toml::parse(text));
    return false;
  } catch (const FailedAssertion&) {
    return true;
  }
}

// An assertion does not say where it fails: at the end of the fewest lines on which it does.
toml::parse_result parse_toml(std::string_view text) {
  try {
    return toml::parse(text);
  } catch (const FailedAssertion&) {
    std::vector<std::size_t> ends = line_starts(text);
    ends.push_back(text.size());
    const auto end = std::ranges::partition_point(ends, [&](std::size_t size) {
      return size < text.size() && !fails_assertion(text.substr(0, size));
    });
    throw Error(fmt::format("{}: it is not TOML", end - ends.begin()));
  }
}

TextRange range_of(const toml::table& table, std::string_view key, std::string_view text,
                   const std::vector<std::size_t>& starts) {
  const toml::node* const node = table.get(key);
  if (node == nullptr) return {};
  return {offset_of(text, starts, node->source().begin),
          offset_of(text, starts, node->source().end)};
}

std::vector<std::string> known_keys() {
  std::vector<std::string> names(kKeys.size());
  std::ranges::transform(kKeys, names.begin(),
                         [](const Key& key) { return std::string(key.name); });
  return names;
}

Budget read_budget(const toml::table& table, const Selection& base) {
  Budget budget{.selection = base};
  budget.line = table.source().begin.line;
  for (const auto& [key, node] : in_order(table)) {
    const auto known = std::ranges::find(kKeys, key->str(), &Key::name);
    if (known == kKeys.end()) refuse_key(*key, known_keys());
    known->read(budget, *node, known->name);
  }
  check_budget(budget, table);
  return budget;
}

const toml::array& tables_of(const toml::table& root) {
  // [pytest] is for the plugin of the Python package.
  const std::vector<std::string> known = {"budget", "pytest"};
  const toml::array* budgets = nullptr;
  for (const auto& [key, node] : in_order(root)) {
    if (std::ranges::find(known, key->str()) == known.end()) refuse_key(*key, known);
    if (key->str() != "budget") continue;
    budgets = node->as_array();
    if (budgets == nullptr || !budgets->is_homogeneous(toml::node_type::table)) {
      refuse(*node, "a budget is a table in a list: write [[budget]]");
    }
  }
  if (budgets == nullptr) throw Error("1: there is no budget: write [[budget]]");
  return *budgets;
}

std::string read_text(const std::string& path) {
  try {
    FileInput input(path);
    std::string text = read_up_to(input, kMostBytes + 1);
    if (text.size() > kMostBytes) throw Error("it is larger than 1 MiB");
    return text;
  } catch (const Error& error) {
    throw error.in(path);
  }
}

// "mtrace.toml:12: …".
template <class Parse>
auto headed(const std::string& path, const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw Error(fmt::format("{}:{}", path, error.what()));
  }
}

}  // namespace

BudgetFile parse_budgets(std::string text, const Selection& base, std::chrono::sys_days today) {
  const toml::parse_result result = parse_toml(text);
  if (result.failed()) {
    std::string what(result.error().description());
    what.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(what.front())));
    refuse(result.error().source(), what);
  }
  BudgetFile file{.text = std::move(text), .budgets = {}, .written = {}};
  const std::vector<std::size_t> starts = line_starts(file.text);
  std::set<std::string> names;
  for (const toml::node& node : tables_of(result.table())) {
    const toml::table& table = *node.as_table();
    Budget budget = read_budget(table, base);
    if (!names.insert(budget.name).second) {
      refuse(table, fmt::format("there are two budgets '{}'", budget.name));
    }
    check_date(budget, table, today);
    const auto range = [&](std::string_view key) {
      return range_of(table, key, file.text, starts);
    };
    file.written.push_back({range("max_size"), range("max_peak"), range("max_count")});
    file.budgets.push_back(std::move(budget));
  }
  return file;
}

BudgetFile read_budget_file(const std::string& path, const Selection& base) {
  std::string text = read_text(path);
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  return headed(path, [&] { return parse_budgets(std::move(text), base, today); });
}

std::vector<Suppression> read_suppressions(const std::string& path) {
  const std::string text = read_text(path);
  return headed(path, [&] { return parse_suppressions(text); });
}

}  // namespace memtrace
