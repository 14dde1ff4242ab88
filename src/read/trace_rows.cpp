#include "read/trace_rows.hpp"

#include <limits>
#include <utility>

#include "mtrace/error.hpp"

namespace memtrace {

TraceRows::TraceRows() : direct_domains_(kDirectDomains, kNone<DomainId>) {}

DomainId TraceRows::other_domain(std::uint32_t number) {
  const auto found = other_domains_.find(number);
  if (found != other_domains_.end()) return found->second;
  if (domains_.size() >= index_of(kNone<DomainId>)) throw Error("more than 4294967295 domains");
  const DomainId added = domains_.push_back({number, number == 0 ? "python" : ""});
  other_domains_.emplace(number, added);
  if (number < kDirectDomains) direct_domains_[number] = added;
  return added;
}

std::uint32_t TraceRows::other_row(NodeId node, DomainId domain) {
  if (index_of(node) >= first_rows_.size()) {
    first_rows_.resize(index_of(node) + 1);
  }
  FirstRow& first = first_rows_[index_of(node)];
  if (first.domain == kNone<DomainId>) {
    first = {domain, add_row(node, domain)};
    return first.row;
  }
  const std::uint64_t key = std::uint64_t{index_of(node)} << 32 | index_of(domain);
  const auto found = other_rows_.find(key);
  if (found != other_rows_.end()) return found->second;
  const std::uint32_t added = add_row(node, domain);
  other_rows_.emplace(key, added);
  return added;
}

std::uint32_t TraceRows::add_row(NodeId node, DomainId domain) {
  if (rows_.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error("more than 4294967296 rows");
  }
  rows_.node.push_back(node);
  rows_.domain.push_back(domain);
  sizes_.push_back(0);
  counts_.push_back(0);
  return static_cast<std::uint32_t>(rows_.size() - 1);
}

void TraceRows::move_to(Snapshot& snapshot) {
  snapshot.domains = std::move(domains_);
  snapshot.rows = std::move(rows_);
  snapshot.rows[Metric::live] = Column{std::move(sizes_), std::move(counts_)};
  *this = TraceRows();
}

}  // namespace memtrace
