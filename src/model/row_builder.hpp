// Filling the rows of a snapshot and its table of domains.
#pragma once

#include <tsl/robin_map.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "base/checked_math.hpp"
#include "model/frame_hash.hpp"
#include "mtrace/error.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// The table of domains, each once. A domain is known by its number; a name that comes later fills
// in a missing one.
class DomainBuilder {
 public:
  DomainId domain(const Domain& domain) {
    const auto [found, is_new] = id_of_number_.try_emplace(domain.number, domains_.end_id());
    if (is_new) {
      if (domains_.end_id() == kNone<DomainId>) throw Error("more than 4294967295 domains");
      domains_.push_back(domain);
    } else if (domains_[found->second].name.empty()) {
      domains_[found->second].name = domain.name;
    }
    return found->second;
  }

  // Leaves the builder empty.
  IdVector<DomainId, Domain> take() {
    id_of_number_.clear();
    return std::exchange(domains_, {});
  }

 private:
  struct Hash {
    std::size_t operator()(std::uint32_t number) const { return mix(number, 0); }
  };

  IdVector<DomainId, Domain> domains_;
  tsl::robin_map<std::uint32_t, DomainId, Hash> id_of_number_;
};

// One row for each (node, domain). Nearly every node has blocks in one domain only, so that the row
// of a node's first domain is found by indexing, and only the others are hashed.
class RowBuilder {
 public:
  // The row's number: size() before the call, where the row is new.
  std::uint32_t row(NodeId node, DomainId domain) {
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

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

  // Fills in what rows are of, but no columns. Leaves the builder empty.
  void move_to(Rows& rows) {
    rows.node = std::move(nodes_);
    rows.domain = std::move(domains_);
    *this = RowBuilder();
  }

 private:
  struct FirstRow {
    DomainId domain = kNone<DomainId>;
    std::uint32_t row = 0;
  };
  struct Hash {
    std::size_t operator()(std::uint64_t key) const { return mix(key, 0); }
  };

  std::uint32_t other_row(NodeId node, DomainId domain) {
    if (index_of(node) >= first_rows_.size()) first_rows_.resize(index_of(node) + 1);
    FirstRow& first = first_rows_[index_of(node)];
    if (first.domain == kNone<DomainId>) {
      first = {domain, add_row(node, domain)};
      return first.row;
    }
    if (first.domain == domain) return first.row;
    const std::uint64_t key = std::uint64_t{index_of(node)} << 32 | index_of(domain);
    const auto [found, is_new] = other_rows_.try_emplace(key, 0);
    if (is_new) found.value() = add_row(node, domain);
    return found->second;
  }

  std::uint32_t add_row(NodeId node, DomainId domain) {
    if (nodes_.size() > std::numeric_limits<std::uint32_t>::max()) {
      throw Error("more than 4294967296 rows");
    }
    nodes_.push_back(node);
    domains_.push_back(domain);
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }

  std::vector<NodeId> nodes_;
  std::vector<DomainId> domains_;
  std::vector<FirstRow> first_rows_;  // by node
  tsl::robin_map<std::uint64_t, std::uint32_t, Hash> other_rows_;
};

// Makes the column as long as that, with zeros.
inline void extend(Column& column, std::size_t size, bool is_estimate) {
  column.size.resize(size);
  column.count.resize(size);
  if (!is_estimate) return;
  column.size_variance.resize(size);
  column.count_variance.resize(size);
}

// Samples are independent, so variances add up as the estimates do. Where only one side is an
// estimate, the other side's variance is zero. Throws Error past 63 bits.
inline void add_row(Column& to, std::size_t row, const Column& from, std::size_t from_row) {
  to.size[row] = checked_add(to.size[row], from.size[from_row]);
  to.count[row] = checked_add(to.count[row], from.count[from_row]);
  if (!from.is_estimate()) return;
  to.size_variance.resize(to.size.size());
  to.count_variance.resize(to.size.size());
  to.size_variance[row] += from.size_variance[from_row];
  to.count_variance[row] += from.count_variance[from_row];
}

}  // namespace memtrace
