#include "runtime/container/keyed_hash.hpp"

#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

alignas(64) constinit std::array<std::uint64_t, kHashKeys> hash_keys{};

void prepare_hash_keys() {
  constexpr unsigned kNonBlocking = 1;
  if (hash_keys[0] != 0) return;
  // Where the kernel has no random numbers, keys that are merely different have to do.
  for (std::size_t key = 0; key < kHashKeys; ++key) hash_keys[key] = scatter(key + 1, ~key);
  system_call(SYS_getrandom, hash_keys.data(), sizeof hash_keys, kNonBlocking);
  hash_keys[0] |= 1;
}

}  // namespace memtrace::runtime
