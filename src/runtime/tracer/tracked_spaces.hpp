// The spaces of addresses that domains have whose blocks are told, not allocated by malloc.
#pragma once

#include <cstdint>

#include "runtime/container/append_only.hpp"
#include "runtime/os/lock.hpp"

namespace memtrace::runtime {

// The domains whose blocks are told by track(), in the order in which they appeared.
class TrackedSpaces {
 public:
  static constexpr std::uint32_t kNone = 0;

  [[nodiscard]] std::uint32_t find(std::uint32_t domain) const {
    for (std::uint32_t space = 0; space < domains_.size(); ++space) {
      if (domains_[space] == domain) return space + 1;
    }
    return kNone;
  }
  // kNone where there are too many.
  std::uint32_t find_or_add(std::uint32_t domain) {
    const std::uint32_t known = find(domain);
    if (known != kNone) return known;
    const Locked locked(lock_);
    const std::uint32_t meanwhile = find(domain);
    if (meanwhile != kNone) return meanwhile;
    return domains_.push_back(domain) ? domains_.size() : kNone;
  }
  Lock& lock() { return lock_; }

 private:
  static constexpr std::uint32_t kMostSpaces = (1U << 16) - 1;
  Lock lock_{LockRank::tracked_spaces};
  AppendOnly<std::uint32_t> domains_{kMostSpaces};
};
extern constinit TrackedSpaces tracked_spaces;

}  // namespace memtrace::runtime
