// Folds the blocks of a tracemalloc dump into rows.
#pragma once

#include <tsl/robin_map.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/checked_math.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// One row for each (node, domain). Nearly every node has blocks in one domain only, so that the row
// of a node's first domain is found by indexing, and only the others are hashed.
class TraceRows {
 public:
  TraceRows();

  std::uint32_t row(NodeId node, std::uint32_t domain_number) {
    const DomainId domain = this->domain(domain_number);
    if (index_of(node) < first_rows_.size()) {
      const FirstRow& first = first_rows_[index_of(node)];
      if (first.domain == domain) return first.row;
    }
    return other_row(node, domain);
  }

  // Asks for the memory that row() looks at first.
  void prefetch(NodeId node) const {
    __builtin_prefetch(first_rows_.data() + std::min(index_of(node), first_rows_.size()));
  }

  // Throws Error where all sizes together pass 2^63.
  void add_block(std::uint32_t row, std::int64_t size) {
    total_ = checked_add(total_, size);
    sizes_[row] += size;
    ++counts_[row];
  }

  [[nodiscard]] std::int64_t total() const { return total_; }

  // Leaves this empty.
  void move_to(Snapshot& snapshot);

 private:
  struct FirstRow {
    DomainId domain = kNone<DomainId>;
    std::uint32_t row = 0;
  };

  static constexpr std::uint32_t kDirectDomains = 64;

  DomainId domain(std::uint32_t number) {
    if (number < kDirectDomains && direct_domains_[number] != kNone<DomainId>) {
      return direct_domains_[number];
    }
    return other_domain(number);
  }
  DomainId other_domain(std::uint32_t number);
  std::uint32_t other_row(NodeId node, DomainId domain);
  std::uint32_t add_row(NodeId node, DomainId domain);

  Rows rows_;
  std::vector<std::int64_t> sizes_, counts_;
  std::vector<FirstRow> first_rows_;  // by node
  tsl::robin_map<std::uint64_t, std::uint32_t> other_rows_;
  IdVector<DomainId, Domain> domains_;
  std::vector<DomainId> direct_domains_;  // by number
  tsl::robin_map<std::uint32_t, DomainId> other_domains_;
  std::int64_t total_ = 0;
};

}  // namespace memtrace
