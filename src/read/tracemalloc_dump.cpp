#include "read/tracemalloc_dump.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/utf8.hpp"
#include "mtrace/error.hpp"
#include "read/input_format.hpp"

namespace memtrace {

DomainId TraceRows::other_domain(std::uint32_t number) {
  const DomainId domain = domains_.domain({number, number == 0 ? "python" : ""});
  if (number < kDirectDomains) direct_domains_[number] = domain;
  return domain;
}

void TraceRows::move_to(Snapshot& snapshot) {
  make_room();
  snapshot.domains = domains_.take();
  rows_.move_to(snapshot.rows);
  snapshot.rows[Metric::live] = Column{std::move(sizes_), std::move(counts_)};
  *this = TraceRows();
}

namespace {

// In order of DumpWord.
constexpr std::array<std::string_view, 6> kWords = {"tracemalloc", "Snapshot",        "_Traces",
                                                    "traces",      "traceback_limit", "_traces"};

std::optional<DumpWord> word_of(std::string_view text) {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == text) return static_cast<DumpWord>(i);
  }
  return std::nullopt;
}

std::string_view text_of(DumpWord word) {
  return kWords[static_cast<std::size_t>(word)];
}

constexpr std::uint64_t kMax32Bits = 0xFFFFFFFF;

// Text from the file, made fit for an error message: what is not printable ASCII becomes \xNN, and
// long text is cut. A message stays one short line and cannot command a terminal.
std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 100;
  std::string result;
  for (const char byte : text.substr(0, kMost)) {
    if (byte >= ' ' && byte <= '~') {
      result.push_back(byte);
    } else {
      result += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(byte));
    }
  }
  if (text.size() > kMost) result += "...";
  return result;
}

}  // namespace

PickleValue DumpShapes::string(std::string_view text) {
  if (!is_utf8(text)) stream_.fail("a string is not UTF-8");
  if (const auto word = word_of(text)) return PickleValue::of(Kind::word, *word);
  return PickleValue::of(Kind::string, builder_.string(text));
}

std::string DumpShapes::text_of(PickleValue string) const {
  if (string.is(Kind::word)) return std::string(memtrace::text_of(string.id<DumpWord>()));
  return std::string(builder_.tables().strings[string.id<StringId>()]);
}

PickleValue DumpShapes::class_named(std::string_view module, std::string_view name) {
  const auto word = word_of(name);
  if (module != kWords[0] || (word != DumpWord::snapshot && word != DumpWord::traces_class)) {
    stream_.fail(fmt::format("class {}.{} is not part of a tracemalloc dump", printable(module),
                             printable(name)));
  }
  return PickleValue::of(Kind::dump_class, *word);
}

PickleValue DumpShapes::class_named(PickleValue module, PickleValue name) {
  for (const PickleValue value : {module, name}) {
    if (!value.is(Kind::word) && !value.is(Kind::string)) refuse(value, "the name of a class");
  }
  return class_named(text_of(module), text_of(name));
}

PickleValue DumpShapes::tuple(std::span<const PickleValue> items) {
  switch (items[0].kind()) {
    case Kind::word:
    case Kind::string:
      return frame(items);
    case Kind::frame:
      return traceback(items);
    case Kind::number:
      return checked_trace(items);
    case Kind::trace:
    case Kind::large_trace:
      claim_traces();
      add_blocks(items);
      return PickleValue::of(Kind::trace_tuple, 0);
    default:
      refuse(items[0], "the first item of a tuple");
  }
}

PickleValue DumpShapes::frame(std::span<const PickleValue> items) {
  if (items.size() != 2) {
    stream_.fail(fmt::format("a frame has {} items: 2 are expected", items.size()));
  }
  if (!items[1].is_number()) refuse(items[1], "the line number of a frame");
  const std::uint64_t lineno = items[1].number();
  if (lineno > kMax32Bits) {
    stream_.fail(fmt::format("line number {} has more than 32 bits", lineno));
  }
  const StringId filename = items[0].is(Kind::string)
                                ? items[0].id<StringId>()
                                : builder_.string(memtrace::text_of(items[0].id<DumpWord>()));
  const FrameId frame =
      builder_.frame({.filename = filename, .lineno = static_cast<std::uint32_t>(lineno)});
  return PickleValue::of(Kind::frame, frame);
}

PickleValue DumpShapes::traceback(std::span<const PickleValue> frames) {
  if (frames.size() > PickleValue::kMaxDetail) {
    stream_.fail(fmt::format("a traceback has {} frames", frames.size()));
  }
  NodeId node = kRoot;
  for (std::size_t i = frames.size(); i-- > 0;) {  // the oldest one first
    if (!frames[i].is(Kind::frame)) refuse(frames[i], "a frame of a traceback");
    node = builder_.child(node, frames[i].id<FrameId>());
  }
  return PickleValue::of(Kind::traceback, node, static_cast<std::uint32_t>(frames.size()));
}

PickleValue DumpShapes::checked_trace(std::span<const PickleValue> items) {
  if (items.size() != 3 && items.size() != 4) {
    stream_.fail(fmt::format("a trace has {} items: 3 or 4 are expected", items.size()));
  }
  const std::uint64_t domain = items[0].number();
  if (domain > kMax32Bits) stream_.fail(fmt::format("domain {} has more than 32 bits", domain));
  if (!items[1].is_number()) refuse(items[1], "the size of a trace");
  std::uint64_t total_frames = 0;
  if (items.size() == 4) {
    if (!items[3].is_number()) refuse(items[3], "the number of frames of a trace");
    total_frames = items[3].number();
  }
  PickleValue traceback = items[2];
  if (traceback.is(Kind::empty_tuple)) {
    if (!unknown_node_) unknown_node_ = builder_.unknown_node();
    traceback = PickleValue::of(Kind::traceback, *unknown_node_);
  }
  if (!traceback.is(Kind::traceback)) refuse(traceback, "the traceback of a trace");
  return trace(static_cast<std::uint32_t>(domain), items[1].number(), traceback, total_frames);
}

PickleValue DumpShapes::large_trace(LargeTrace trace) {
  large_traces_.push_back(trace);
  return PickleValue::of(Kind::large_trace, large_traces_.size() - 1);
}

void DumpShapes::claim_traces() {
  if (std::exchange(has_traces_, true)) stream_.fail("a dump has one list of traces, not two");
}

PickleValue DumpShapes::empty_list() {
  claim_traces();
  return PickleValue::of(Kind::trace_list, 0);
}

void DumpShapes::append(PickleValue list, std::span<const PickleValue> traces) {
  if (!list.is(Kind::trace_list)) refuse(list, "what traces are appended to");
  add_blocks(traces);
}

void DumpShapes::add_blocks(std::span<const PickleValue> traces) {
  rows_.make_room();
  for (const PickleValue trace : traces) {
    if (trace.is_trace()) {
      rows_.add_block(trace.trace_row(), trace.trace_size());
      truncated_tracebacks_ += trace.trace_is_truncated();
    } else if (trace.is(Kind::large_trace)) {
      const LargeTrace& large = large_traces_[trace.id<std::uint32_t>()];
      rows_.add_block(large.row, static_cast<std::int64_t>(large.size));
      truncated_tracebacks_ += large.truncated;
    } else {
      refuse(trace, "an item of the list of traces");
    }
  }
}

PickleValue DumpShapes::empty_dict() {
  if (states_.size() == 2) stream_.fail("a dump has two dicts, not three");
  states_.emplace_back();
  return PickleValue::of(Kind::dict, states_.size() - 1);
}

void DumpShapes::set_item(PickleValue dict, PickleValue key, PickleValue value) {
  if (!dict.is(Kind::dict)) refuse(dict, "what an item is set in");
  if (!key.is(Kind::word) && !key.is(Kind::string)) refuse(key, "the name of an attribute");
  State& state = states_[dict.id<std::uint32_t>()];
  const auto word = key.is(Kind::word) ? key.id<DumpWord>() : DumpWord::tracemalloc;
  bool fits = false;
  if (word == DumpWord::traces) {
    fits = value.is(Kind::object) && value.id<DumpWord>() == DumpWord::traces_class &&
           traces_.built && !std::exchange(state.traces, true);
  } else if (word == DumpWord::trace_items) {
    fits = (value.is(Kind::trace_list) || value.is(Kind::trace_tuple) ||
            value.is(Kind::empty_tuple)) &&
           !std::exchange(state.trace_items, true);
  } else if (word == DumpWord::traceback_limit) {
    fits = value.is_number() && !state.traceback_limit;
    if (fits) state.traceback_limit = value.number();
  } else {
    stream_.fail(
        fmt::format("attribute {} is not part of a tracemalloc dump", printable(text_of(key))));
  }
  if (!fits) refuse(value, fmt::format("attribute {}", text_of(key)));
}

DumpShapes::Object& DumpShapes::object(PickleValue value) {
  return value.id<DumpWord>() == DumpWord::snapshot ? snapshot_ : traces_;
}

PickleValue DumpShapes::new_object(PickleValue object_class, PickleValue arguments) {
  if (!object_class.is(Kind::dump_class)) refuse(object_class, "the class of an object");
  if (!arguments.is(Kind::empty_tuple)) refuse(arguments, "the arguments of an object");
  const auto word = object_class.id<DumpWord>();
  if (std::exchange(object(object_class).created, true)) {
    stream_.fail(fmt::format("a dump has one object of class tracemalloc.{}, not two",
                             memtrace::text_of(word)));
  }
  return PickleValue::of(Kind::object, word);
}

void DumpShapes::build(PickleValue object, PickleValue state) {
  if (!object.is(Kind::object)) refuse(object, "what a state is given to");
  if (!state.is(Kind::dict)) refuse(state, "the state of an object");
  const State& given = states_[state.id<std::uint32_t>()];
  const bool is_snapshot = object.id<DumpWord>() == DumpWord::snapshot;
  if (given.traces != is_snapshot || given.traceback_limit.has_value() != is_snapshot ||
      given.trace_items == is_snapshot) {
    stream_.fail(fmt::format("the attributes of an object of class tracemalloc.{} are expected: {}",
                             memtrace::text_of(object.id<DumpWord>()),
                             is_snapshot ? "traces, traceback_limit" : "_traces"));
  }
  if (std::exchange(this->object(object).built, true)) stream_.fail("an object has two states");
  if (is_snapshot) traceback_limit_ = *given.traceback_limit;
}

Snapshot DumpShapes::finish(PickleValue root) {
  if (!root.is(Kind::object) || root.id<DumpWord>() != DumpWord::snapshot || !snapshot_.built) {
    stream_.fail("the pickle does not end with a tracemalloc.Snapshot");
  }
  Snapshot snapshot;
  snapshot.metadata.kind = SnapshotKind::tracemalloc;
  snapshot.metadata.traceback_limit = traceback_limit_;
  snapshot.metadata.current = static_cast<std::uint64_t>(rows_.total());
  snapshot.metadata.losses.truncated_tracebacks = truncated_tracebacks_;
  rows_.move_to(snapshot);
  snapshot.tracebacks = builder_.take();
  return snapshot;
}

void DumpShapes::refuse(PickleValue value, std::string_view place) const {
  stream_.fail(fmt::format("{} is not what a tracemalloc dump has as {}", value.name(), place));
}

// --- the format ---

namespace {

bool recognizes(const OpenInput& input) {
  // Protocols 0 and 1 do not say so; nobody writes them by accident. The bound leaves room for
  // saying that a protocol is not known, and keeps out what only starts with the same byte.
  constexpr char kUnlikelyProtocol = 16;
  constexpr auto kProtocol = static_cast<char>(PickleOpcode::protocol);
  return input.start.starts_with(kProtocol) &&
         (input.start.size() == 1 || (input.start[1] >= 0 && input.start[1] < kUnlikelyProtocol));
}

Snapshot read(OpenInput& input, const ReadOptions& options) {
  if (options.metric.value_or(Metric::live) != Metric::live) {
    throw Error(fmt::format("a tracemalloc dump has no {} metric: it records only what is alive",
                            name_of(*options.metric)));
  }
  ByteStream stream(input.bytes);
  DumpShapes shapes(stream);
  PickleMachine machine(stream, shapes);
  return shapes.finish(machine.run());
}

SnapshotInfo info_of(OpenInput& input, bool /*timelines*/) {
  ByteStream stream(input.bytes);
  DumpShapes shapes(stream);
  PickleMachine machine(stream, shapes);
  machine.run_to_first_class();
  SnapshotInfo info;
  info.kind = SnapshotKind::tracemalloc;
  info.format = fmt::format("pickle protocol {}", machine.protocol());
  info.metadata.kind = SnapshotKind::tracemalloc;
  return info;
}

}  // namespace

constinit const InputFormat kTracemallocDump = {recognizes, read, info_of};

}  // namespace memtrace
