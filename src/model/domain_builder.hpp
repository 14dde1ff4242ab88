// Fills the table of domains and keeps it free of duplicates.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <utility>

#include "model/frame_hash.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// A domain is known by its number; a name that comes later fills in a missing one.
class DomainBuilder {
 public:
  DomainId domain(const Domain& domain) {
    const auto [found, is_new] = id_of_number_.try_emplace(domain.number, domains_.end_id());
    if (is_new) {
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

}  // namespace memtrace
