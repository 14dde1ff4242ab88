#include "support/snapshot_text.hpp"

#include <sstream>
#include <string>
#include <vector>

#include "model/row_builder.hpp"
#include "mtrace/snapshot_builder.hpp"
#include "support/canonical_snapshot.hpp"
#include "write/text_dump.hpp"

namespace memtrace::test {
namespace {

std::vector<std::int64_t> numbers_in(const std::string& word) {
  std::vector<std::int64_t> numbers;
  std::istringstream words(word);
  for (std::string number; std::getline(words, number, ',');) numbers.push_back(std::stoll(number));
  return numbers;
}

Frame frame_of(TracebackBuilder& builder, std::string word) {
  Frame frame;
  if (const auto at = word.find('@'); at != std::string::npos) {
    frame.function = builder.string(word.substr(at + 1));
    word.resize(at);
  }
  if (const auto plus = word.find("+0x"); plus != std::string::npos) {
    frame.kind = FrameKind::return_address;
    frame.offset = std::stoull(word.substr(plus + 3), nullptr, 16);
    frame.module = builder.module({.name = builder.string(word.substr(0, plus)), .build_id = ""});
    return frame;
  }
  const auto colon = word.rfind(':');
  frame.filename = builder.string(word.substr(0, colon));
  frame.lineno = static_cast<std::uint32_t>(std::stoul(word.substr(colon + 1)));
  return frame;
}

void append(Rows& rows, const std::vector<std::int64_t>& sizes,
            const std::vector<std::int64_t>& counts) {
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    auto& column = rows.columns[i];
    if (!column) column.emplace();
    column->size.push_back(sizes[i]);
    column->count.push_back(counts[i]);
  }
}

}  // namespace

Snapshot snapshot_of(std::string_view text) {
  Snapshot snapshot;
  snapshot.rows[Metric::live].emplace();
  TracebackBuilder builder;
  DomainBuilder domains;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string domain, sizes, counts;
    if (!(words >> domain >> sizes >> counts)) continue;
    NodeId node = kRoot;
    for (std::string word; words >> word;) {
      node = builder.child(node, builder.frame(frame_of(builder, word)));
    }
    snapshot.rows.node.push_back(node == kRoot ? builder.unknown_node() : node);
    snapshot.rows.domain.push_back(
        domains.domain({.number = static_cast<std::uint32_t>(std::stoul(domain)), .name = ""}));
    append(snapshot.rows, numbers_in(sizes), numbers_in(counts));
  }
  snapshot.tracebacks = builder.take();
  snapshot.domains = domains.take();
  validate(snapshot);
  return snapshot;
}

std::string dump_of(const Snapshot& snapshot) {
  std::string text;
  write_text_dump(canonical(snapshot), [&](std::string_view line) { text += line; });
  return text;
}

}  // namespace memtrace::test
