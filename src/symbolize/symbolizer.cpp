#include "mtrace/symbolize.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mtrace/snapshot_builder.hpp"
#include "symbolize/debug_servers.hpp"
#include "symbolize/module_lookup.hpp"

namespace memtrace {

// What is known of the addresses of modules, over several snapshots.
class AddressBook {
 public:
  // The distinct addresses of one module in one snapshot.
  struct Asked {
    std::size_t place = 0;  // of the module in this book
    std::vector<std::uint64_t> addresses;
  };

  // Looks up what is not known yet of the addresses in a snapshot's tables, for which find() works
  // from then on. Returns new warnings.
  std::vector<std::string> look_up(const Snapshot& snapshot, const SymbolizeOptions& options);

  // For the tables of the last look_up(). nullptr for a frame that has no address in a file.
  [[nodiscard]] const FrameChain* find(const Frame& frame) const;
  // Each of those addresses once.
  [[nodiscard]] const std::vector<Asked>& asked() const { return asked_; }
  [[nodiscard]] const FrameChain& find(std::size_t place, std::uint64_t address) const;

  // The text of an id in a chain.
  [[nodiscard]] std::string_view text(StringId id) const { return texts_.tables().strings[id]; }
  [[nodiscard]] std::size_t texts() const { return texts_.tables().strings.size(); }

 private:
  static constexpr std::size_t kNowhere = SIZE_MAX;

  void ask(const Snapshot& snapshot);
  std::size_t place_of(const std::string& path, const std::optional<std::string>& build_id);
  [[nodiscard]] std::vector<ModuleRequest> unknown() const;
  void learn(ModuleRequest&& answered, ModuleRequest& known) const;

  DebugServers servers_;
  TracebackBuilder texts_;
  Names names_{[this](std::string_view text) { return texts_.string(text); }};
  // By path and build id.
  std::map<std::pair<std::string, std::optional<std::string>>, std::size_t> places_;
  std::vector<ModuleRequest> known_;
  std::vector<Asked> asked_;
  IdVector<ModuleId, std::size_t> asked_of_;  // module of the last tables -> index into asked_
};

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

}  // namespace

std::size_t AddressBook::place_of(const std::string& path,
                                  const std::optional<std::string>& build_id) {
  const auto [found, is_new] = places_.try_emplace({path, build_id}, known_.size());
  if (is_new) {
    known_.push_back(
        {.path = path, .build_id = build_id, .addresses = {}, .chains = {}, .warning = {}});
  }
  return found->second;
}

void AddressBook::ask(const Snapshot& snapshot) {
  const Tracebacks& tables = snapshot.tracebacks;
  // Other profilers seldom write it down: that there is none means nothing.
  const bool is_own = snapshot.metadata.kind == SnapshotKind::mtrace;
  asked_.clear();
  asked_of_ = IdVector<ModuleId, std::size_t>(tables.modules.size(), kNowhere);
  for (const Frame& frame : tables.frames) {
    if (!frame.is_address() || frame.module == kNone<ModuleId>) continue;
    const Module& module = tables.modules[frame.module];
    if (!has_file(tables.strings[module.name])) continue;
    std::size_t& index = asked_of_[frame.module];
    if (index == kNowhere) {
      index = asked_.size();
      const bool is_known = is_own || !module.build_id.empty();
      const std::optional<std::string> build_id =
          is_known ? std::optional(module.build_id) : std::nullopt;
      const std::string path(tables.strings[module.name]);
      asked_.push_back({.place = place_of(path, build_id), .addresses = {}});
    }
    asked_[index].addresses.push_back(address_of(frame));
  }
  for (Asked& asked : asked_) {
    std::sort(asked.addresses.begin(), asked.addresses.end());
    const auto last = std::unique(asked.addresses.begin(), asked.addresses.end());
    asked.addresses.erase(last, asked.addresses.end());
  }
}

// One request for each of asked_; without addresses where all is known.
std::vector<ModuleRequest> AddressBook::unknown() const {
  std::vector<ModuleRequest> requests;
  requests.reserve(asked_.size());
  for (const Asked& asked : asked_) {
    const ModuleRequest& known = known_[asked.place];
    ModuleRequest& request = requests.emplace_back();
    request.path = known.path;
    request.build_id = known.build_id;
    std::set_difference(asked.addresses.begin(), asked.addresses.end(), known.addresses.begin(),
                        known.addresses.end(), std::back_inserter(request.addresses));
    request.chains.resize(request.addresses.size());
  }
  return requests;
}

void AddressBook::learn(ModuleRequest&& answered, ModuleRequest& known) const {
  if (known.addresses.empty()) {
    known = std::move(answered);
    return;
  }
  ModuleRequest merged{.path = known.path,
                       .build_id = known.build_id,
                       .addresses = {},
                       .chains = {},
                       .warning = known.warning.empty() ? answered.warning : known.warning};
  std::size_t a = 0, b = 0;
  while (a < known.addresses.size() || b < answered.addresses.size()) {
    const bool is_new = a == known.addresses.size() || (b < answered.addresses.size() &&
                                                        answered.addresses[b] < known.addresses[a]);
    ModuleRequest& from = is_new ? answered : known;
    std::size_t& at = is_new ? b : a;
    merged.addresses.push_back(from.addresses[at]);
    merged.chains.push_back(std::move(from.chains[at++]));
  }
  known = std::move(merged);
}

std::vector<std::string> AddressBook::look_up(const Snapshot& snapshot,
                                              const SymbolizeOptions& options) {
  ask(snapshot);
  std::vector<ModuleRequest> requests = unknown();
  const auto nothing_new = [](const ModuleRequest& request) { return request.addresses.empty(); };
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!nothing_new(requests[i])) places.push_back(asked_[i].place);
  }
  std::erase_if(requests, nothing_new);
  memtrace::look_up(requests, options, servers_, names_);
  std::vector<std::string> warnings;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    ModuleRequest& known = known_[places[i]];
    const bool warns = known.warning.empty() && !requests[i].warning.empty();
    if (warns) warnings.push_back(requests[i].warning);
    learn(std::move(requests[i]), known);
  }
  return warnings;
}

const FrameChain& AddressBook::find(std::size_t place, std::uint64_t address) const {
  const ModuleRequest& known = known_[place];
  const auto found = std::lower_bound(known.addresses.begin(), known.addresses.end(), address);
  return known.chains[static_cast<std::size_t>(found - known.addresses.begin())];
}

const FrameChain* AddressBook::find(const Frame& frame) const {
  if (!frame.is_address() || frame.module == kNone<ModuleId>) return nullptr;
  const std::size_t index = asked_of_[frame.module];
  return index == kNowhere ? nullptr : &find(asked_[index].place, address_of(frame));
}

namespace {

// The book's strings as those of a snapshot.
class Texts {
 public:
  Texts(const AddressBook& book, TracebackBuilder& builder)
      : book_(book), builder_(builder), own_(book.texts(), kNone<StringId>) {}

  StringId operator[](StringId id) {
    if (id == kNone<StringId>) return id;
    StringId& own = own_[id];
    if (own == kNone<StringId>) own = builder_.string(book_.text(id));
    return own;
  }

 private:
  const AddressBook& book_;
  TracebackBuilder& builder_;
  IdVector<StringId, StringId> own_;
};

// The frames of a chain, the oldest one first: as they follow each other in a traceback.
void append_frames(const FrameChain& chain, ModuleId module, Texts& texts,
                   TracebackBuilder& builder, std::vector<FrameId>& frames) {
  for (std::size_t i = chain.size(); i-- > 0;) {
    frames.push_back(
        builder.frame({.filename = texts[chain[i].filename],
                       .lineno = chain[i].lineno,
                       .function = texts[chain[i].function],
                       .module = module,
                       .kind = i + 1 == chain.size() ? FrameKind::source : FrameKind::inlined}));
  }
}

// Old frame -> the frames that it becomes.
class Replacements {
 public:
  Replacements(const Tracebacks& tables, const AddressBook& book, TracebackBuilder& builder) {
    Texts texts(book, builder);
    begins_.push_back(0);
    for (const Frame& frame : tables.frames) {
      const FrameChain* const chain = book.find(frame);
      if (chain == nullptr || chain->empty()) {
        frames_.push_back(builder.frame(frame));
      } else {
        append_frames(*chain, frame.module, texts, builder, frames_);
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

void replace_frames(Snapshot& snapshot, const AddressBook& book) {
  const Tracebacks& tables = snapshot.tracebacks;
  // Frames are built anew, what they refer to stays and grows.
  TracebackBuilder builder({.strings = tables.strings,
                            .modules = tables.modules,
                            .frames = {},
                            .nodes = IdVector<NodeId, Node>(1)});
  const Replacements replacements(tables, book, builder);
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

SymbolizeResult result_of(const Tracebacks& tables, const AddressBook& book) {
  SymbolizeResult result;
  for (const Frame& frame : tables.frames) {
    if (frame.is_address() && book.find(frame) == nullptr) ++result.addresses;
  }
  for (const AddressBook::Asked& asked : book.asked()) {
    result.addresses += asked.addresses.size();
    for (const std::uint64_t address : asked.addresses) {
      const FrameChain& chain = book.find(asked.place, address);
      if (chain.empty()) continue;
      const bool has_line = chain.front().filename != kNone<StringId>;
      ++(has_line ? result.with_lines : result.with_names);
    }
  }
  return result;
}

}  // namespace

bool has_addresses(const Snapshot& snapshot) {
  const auto& frames = snapshot.tracebacks.frames;
  return std::any_of(frames.begin(), frames.end(),
                     [](const Frame& frame) { return frame.is_address(); });
}

Symbolizer::Symbolizer(SymbolizeOptions options)
    : options_(std::move(options)), book_(std::make_unique<AddressBook>()) {}

Symbolizer::~Symbolizer() = default;

SymbolizeResult Symbolizer::symbolize(Snapshot& snapshot) {
  if (!has_addresses(snapshot)) return {};
  std::vector<std::string> warnings = book_->look_up(snapshot, options_);
  SymbolizeResult result = result_of(snapshot.tracebacks, *book_);
  result.warnings = std::move(warnings);
  replace_frames(snapshot, *book_);
  return result;
}

SymbolizeResult symbolize(Snapshot& snapshot, const SymbolizeOptions& options) {
  return Symbolizer(options).symbolize(snapshot);
}

}  // namespace memtrace
