#include "mtrace/symbolize.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "model/traceback_builder.hpp"
#include "symbolize/address_book.hpp"

namespace memtrace {
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
  std::vector<std::string> warnings = book_->look_up(snapshot.tracebacks, options_);
  SymbolizeResult result = result_of(snapshot.tracebacks, *book_);
  result.warnings = std::move(warnings);
  replace_frames(snapshot, *book_);
  return result;
}

SymbolizeResult symbolize(Snapshot& snapshot, const SymbolizeOptions& options) {
  return Symbolizer(options).symbolize(snapshot);
}

}  // namespace memtrace
