// Writes a large synthetic snapshot: make_synthetic TRACEBACKS DOMAINS FILE.
//
// Tracebacks of 30 frames that share most of them, as real ones do: each leaves the one before at a
// random depth, near the allocation more often than near main. Every traceback has a row in every
// domain. Only the live metric, because columns that are skipped would flatter the reader.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "mtrace/snapshot_builder.hpp"
#include "mtrace/write.hpp"

namespace memtrace {
namespace {

constexpr std::uint32_t kDepth = 30;
constexpr std::uint32_t kFiles = 2000;
constexpr std::uint32_t kFrames = 50'000;

class Generator {
 public:
  Snapshot run(std::uint32_t tracebacks, std::uint32_t domains) {
    for (std::uint32_t i = 0; i < kFrames; ++i) frames_[i] = make_frame(i);
    snapshot_.rows[Metric::live].emplace();
    for (std::uint32_t i = 0; i < domains; ++i)
      snapshot_.domains.push_back({.number = i, .name = ""});
    for (std::uint32_t i = 0; i < tracebacks; ++i) add_rows(next_traceback(), domains);
    snapshot_.tracebacks = builder_.take();
    return std::move(snapshot_);
  }

 private:
  FrameId make_frame(std::uint32_t number) {
    const std::uint32_t file = number % kFiles;
    return builder_.frame(
        {.filename = builder_.string("/srv/app/src/component" + std::to_string(file % 50) +
                                     "/file" + std::to_string(file) + ".cpp"),
         .lineno = 1 + number / kFiles * 13});
  }

  NodeId next_traceback() {
    const std::size_t tables = builder_.tables().nodes.size();
    std::uint32_t depth = kDepth - 1 - std::min(kDepth - 1, depth_(random_));
    for (;; depth = depth == 0 ? 0 : depth - 1) {
      NodeId node = depth == 0 ? kRoot : path_[depth - 1];
      for (std::uint32_t i = depth; i < kDepth; ++i) {
        path_[i] = node = builder_.child(node, frames_[frame_(random_)]);
      }
      if (builder_.tables().nodes.size() > tables) return node;  // a new one
    }
  }

  void add_rows(NodeId node, std::uint32_t domains) {
    Column& live = *snapshot_.rows[Metric::live];
    for (std::uint32_t domain = 0; domain < domains; ++domain) {
      const auto count = static_cast<std::int64_t>(1 + count_(random_));
      snapshot_.rows.node.push_back(node);
      snapshot_.rows.domain.push_back(DomainId{domain});
      live.count.push_back(count);
      live.size.push_back(count * static_cast<std::int64_t>(16 + size_(random_)));
    }
  }

  std::mt19937_64 random_{1};
  std::geometric_distribution<std::uint32_t> depth_{0.35}, count_{0.3};
  std::geometric_distribution<std::uint32_t> size_{0.004};
  std::uniform_int_distribution<std::uint32_t> frame_{0, kFrames - 1};
  TracebackBuilder builder_;
  FrameId frames_[kFrames];
  NodeId path_[kDepth];
  Snapshot snapshot_;
};

}  // namespace
}  // namespace memtrace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: make_synthetic TRACEBACKS DOMAINS FILE\n", stderr);
    return 2;
  }
  const auto number = [&](int i) {
    return static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10));
  };
  const auto generator = std::make_unique<memtrace::Generator>();
  memtrace::write_snapshot(generator->run(number(1), number(2)), argv[3]);
  return 0;
}
