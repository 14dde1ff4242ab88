#include "mtrace/symbolize.hpp"

#include <algorithm>
#include <utility>

#include "model/traceback_builder.hpp"
#include "symbolize/lookup_threads.hpp"

namespace memtrace {
namespace {

// Where to look: a return address may be behind the end of its line or even of its function.
std::uint64_t address_of(const Frame& frame) {
  return frame.kind == FrameKind::return_address && frame.offset > 0 ? frame.offset - 1
                                                                     : frame.offset;
}

// The kernel's own code has no file.
bool has_file(std::string_view module) {
  return !module.empty() && !module.starts_with('[') && module != "linux-vdso.so.1";
}

// All distinct addresses, by module.
class Requests {
 public:
  explicit Requests(const Tracebacks& tables) : place_of_(tables.modules.size(), kNoPlace) {
    for (const Frame& frame : tables.frames) add(tables, frame);
    for (ModuleRequest& request : items) {
      std::sort(request.addresses.begin(), request.addresses.end());
      const auto last = std::unique(request.addresses.begin(), request.addresses.end());
      request.addresses.erase(last, request.addresses.end());
      request.chains.resize(request.addresses.size());
    }
  }

  // nullptr for a frame that nobody was asked about.
  [[nodiscard]] const FrameChain* find(const Frame& frame) const {
    if (!frame.is_address() || frame.module == kNone<ModuleId>) return nullptr;
    if (place_of_[frame.module] == kNoPlace) return nullptr;
    const ModuleRequest& request = items[place_of_[frame.module]];
    const auto found =
        std::lower_bound(request.addresses.begin(), request.addresses.end(), address_of(frame));
    return &request.chains[static_cast<std::size_t>(found - request.addresses.begin())];
  }

  std::vector<ModuleRequest> items;

 private:
  static constexpr std::size_t kNoPlace = SIZE_MAX;

  void add(const Tracebacks& tables, const Frame& frame) {
    if (!frame.is_address() || frame.module == kNone<ModuleId>) return;
    const Module& module = tables.modules[frame.module];
    if (!has_file(tables.strings[module.name])) return;
    std::size_t& place = place_of_[frame.module];
    if (place == kNoPlace) {
      place = items.size();
      items.push_back({.path = std::string(tables.strings[module.name]),
                       .build_id = module.build_id,
                       .addresses = {},
                       .chains = {},
                       .warning = {}});
    }
    items[place].addresses.push_back(address_of(frame));
  }

  IdVector<ModuleId, std::size_t> place_of_;
};

// The frames of a chain, the oldest one first: as they follow each other in a traceback.
void append_frames(const FrameChain& chain, ModuleId module, TracebackBuilder& builder,
                   std::vector<FrameId>& frames) {
  for (std::size_t i = chain.size(); i-- > 0;) {
    frames.push_back(
        builder.frame({.filename = chain[i].filename,
                       .lineno = chain[i].lineno,
                       .function = chain[i].function,
                       .module = module,
                       .kind = i + 1 == chain.size() ? FrameKind::source : FrameKind::inlined}));
  }
}

// Old frame -> the frames that it becomes.
class Replacements {
 public:
  Replacements(const Tracebacks& tables, const Requests& requests, TracebackBuilder& builder) {
    begins_.push_back(0);
    for (const Frame& frame : tables.frames) {
      const FrameChain* const chain = requests.find(frame);
      if (chain == nullptr || chain->empty()) {
        frames_.push_back(builder.frame(frame));
      } else {
        append_frames(*chain, frame.module, builder, frames_);
      }
      begins_.push_back(frames_.size());
    }
  }

  [[nodiscard]] std::span<const FrameId> operator[](FrameId frame) const {
    const std::size_t begin = begins_[index_of(frame)];
    return std::span(frames_).subspan(begin, begins_[index_of(frame) + 1] - begin);
  }

 private:
  std::vector<FrameId> frames_;
  std::vector<std::size_t> begins_;
};

void replace_frames(Snapshot& snapshot, const Requests& requests, TracebackBuilder& builder) {
  const Tracebacks& tables = snapshot.tracebacks;
  const Replacements replacements(tables, requests, builder);
  IdVector<NodeId, NodeId> node_of(tables.nodes.size(), kRoot);
  for (const NodeId id : ids_of(tables.nodes)) {
    if (id == kRoot) continue;
    NodeId node = node_of[tables.nodes[id].parent];
    for (const FrameId frame : replacements[tables.nodes[id].frame]) {
      node = builder.child(node, frame);
    }
    node_of[id] = node;
  }
  for (NodeId& node : snapshot.rows.node) node = node_of[node];
  snapshot.tracebacks = builder.take();
}

SymbolizeResult result_of(const Tracebacks& tables, const Requests& requests) {
  SymbolizeResult result;
  for (const Frame& frame : tables.frames) {
    if (frame.is_address() && requests.find(frame) == nullptr) ++result.addresses;
  }
  for (const ModuleRequest& request : requests.items) {
    result.addresses += request.addresses.size();
    for (const FrameChain& chain : request.chains) {
      if (chain.empty()) continue;
      const bool has_line = chain.front().filename != kNone<StringId>;
      ++(has_line ? result.with_lines : result.with_names);
    }
    if (!request.warning.empty()) result.warnings.push_back(request.warning);
  }
  return result;
}

}  // namespace

bool has_addresses(const Snapshot& snapshot) {
  const auto& frames = snapshot.tracebacks.frames;
  return std::any_of(frames.begin(), frames.end(),
                     [](const Frame& frame) { return frame.is_address(); });
}

SymbolizeResult symbolize(Snapshot& snapshot, const SymbolizeOptions& options) {
  if (!has_addresses(snapshot)) return {};
  Tracebacks& tables = snapshot.tracebacks;
  Requests requests(tables);
  // Frames are built anew, what they refer to stays and grows.
  TracebackBuilder builder({.strings = tables.strings,
                            .modules = tables.modules,
                            .frames = {},
                            .nodes = IdVector<NodeId, Node>(1)});
  look_up(requests.items, options, [&](std::string_view text) { return builder.string(text); });
  SymbolizeResult result = result_of(tables, requests);
  replace_frames(snapshot, requests, builder);
  return result;
}

}  // namespace memtrace
