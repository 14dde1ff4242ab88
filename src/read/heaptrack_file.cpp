// heaptrack's files: what its tracer writes (raw, with addresses), and what its interpreter makes
// of that (with functions and lines). One event a line:
//
//   v VERSION FORMAT     x PROGRAM      X COMMAND LINE    I PAGE-SIZE PAGES   # COMMENT
//   s STRING             i ADDRESS MODULE [FUNCTION [FILE LINE]...]           interpreted
//   m MODULE BASE [ADDRESS SIZE]...     m -                                   raw
//   t FRAME CALLER       FRAME is the number of an "i" line, or an address
//   a SIZE TRACE         + NUMBER       - NUMBER          (of an "a" line)    interpreted
//   + SIZE TRACE POINTER                - POINTER                             raw
//   c MILLISECONDS       R PAGES        S SUPPRESSION     A (attached from here on)
//
// Numbers are hexadecimal; of things that can be missing, they count from 1. From format 3 on, the
// length of a string stands before it.
#include <fmt/format.h>
#include <tsl/robin_map.h>

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "model/frame_hash.hpp"
#include "mtrace/error.hpp"
#include "read/event_amounts.hpp"
#include "read/foreign_snapshot.hpp"
#include "read/input_format.hpp"
#include "read/line_reader.hpp"
#include "read/loaded_modules.hpp"

namespace memtrace {
namespace {

constexpr std::uint64_t kLastFormat = 3, kSizedStrings = 3;
constexpr std::uint8_t kNoDigit = 0xFF;

constexpr auto kHexDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 10; ++i) digits['0' + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i) digits['a' + i] = 10 + i;
  return digits;
}();

std::string version_words(std::uint64_t version) {
  return fmt::format("{}.{}.{}", version >> 16, version >> 8 & 0xFF, version & 0xFF);
}

// What a file says of itself before its first event.
class HeaptrackHeader {
 public:
  explicit HeaptrackHeader(LineReader& lines) : lines_(lines) {
    metadata.kind = SnapshotKind::heaptrack;
  }

  // Whether the line is one of those that only describe.
  bool take(std::string_view line) {
    if (line.empty()) return true;
    LinePieces pieces(line.substr(std::min<std::size_t>(line.size(), 2)));
    switch (line.front()) {
      case 'v':
        version(pieces);
        return true;
      case 'x':
        metadata.program = as_utf8(string(pieces));
        is_raw = true;
        return true;
      case 'X':
        command(pieces);
        return true;
      case 'I':
        if (!pieces.hexadecimal(page_size) || page_size > kLargestPage) damaged(line);
        return true;
      case 'R':
        resident(line, pieces);
        return true;
      case 'A':
      case 'S':
      case 'c':
      case '#':
        return true;
      default:
        return false;
    }
  }

  // A string as this format writes it: all that is left of the line, or up to a space, where no
  // length says more.
  std::string_view string(LinePieces& pieces, bool to_the_end = true) const {
    if (format_version < kSizedStrings) return to_the_end ? pieces.rest() : pieces.word();
    std::uint64_t size = 0;
    std::string_view text;
    if (!pieces.hexadecimal(size) || !pieces.take(" ") || !pieces.bytes(size, text)) {
      lines_.fail("damaged: a string is shorter than its length says");
    }
    return text;
  }

  [[noreturn]] void damaged(std::string_view line) const {
    constexpr std::size_t kShown = 40;
    lines_.fail(fmt::format("damaged: this is no line of heaptrack's: '{}{}'",
                            as_utf8(line.substr(0, kShown)), line.size() > kShown ? "…" : ""));
  }

  Metadata metadata;
  std::uint64_t version_number = 0, format_version = 0, page_size = 0;
  bool is_raw = false;  // written by the tracer itself

 private:
  static constexpr std::uint64_t kLargestPage = std::uint64_t{1} << 30;

  void version(LinePieces& pieces) {
    // 1.2.0 was the number of some releases before 1.0, with the first format, of no number.
    constexpr std::uint64_t kUnnumbered = 0x10200;
    if (!pieces.hexadecimal(version_number)) lines_.fail("damaged: heaptrack's version is missing");
    if (!pieces.hexadecimal(format_version)) format_version = version_number == kUnnumbered ? 1 : 0;
    if (format_version > kLastFormat) {
      throw Error(
          fmt::format("heaptrack's format {}, written by version {}: formats up to {} are known",
                      format_version, version_words(version_number), kLastFormat));
    }
  }

  // Words, as far as spaces divide them: heaptrack does not say more.
  void command(LinePieces& pieces) {
    metadata.command.clear();
    for (std::string_view word = pieces.word(); !word.empty(); word = pieces.word()) {
      metadata.command.push_back(as_utf8(word));
    }
    if (metadata.program.empty() && !metadata.command.empty())
      metadata.program = metadata.command.front();
  }

  void resident(std::string_view line, LinePieces& pieces) {
    constexpr std::uint64_t kMostPages = std::uint64_t{1} << 32;
    std::uint64_t pages = 0;
    if (!pieces.hexadecimal(pages) || pages > kMostPages) damaged(line);
    if (page_size == 0) return;
    std::optional<std::uint64_t>& peak = metadata.memory.resident_peak;
    peak = std::max(peak.value_or(0), pages * page_size);
  }

  LineReader& lines_;
};

class HeaptrackReader {
 public:
  explicit HeaptrackReader(Input& input) : lines_(input), header_(lines_) {}

  Snapshot read(const ReadOptions& options) {
    const std::vector<Metric> metrics =
        wanted_metrics({kMetrics.begin(), kMetrics.end()}, options, "this heaptrack file");
    SnapshotBuilder builder(metrics);
    tracebacks_.emplace(builder.tracebacks());
    std::string_view line;
    while (simple_events(), lines_.next(line)) {
      if (!header_.take(line)) take(line);
    }
    const DomainId domain = builder.domain(1, "native");
    for (std::uint32_t record = 0; record < record_nodes_.size(); ++record) {
      for (const Metric metric : metrics) {
        builder.add(record_nodes_[record], domain, metric, amounts_.amount(record, metric));
      }
    }
    describe(builder.metadata());
    return builder.finish();
  }

 private:
  struct Block {
    std::int64_t size = 0;
    std::uint32_t record = 0;
  };
  struct PointerHash {
    std::size_t operator()(std::uint64_t pointer) const { return mix(pointer, 0); }
  };

  // Nearly all lines of an interpreted file are "+ NUMBER" and "- NUMBER". Takes them as long as
  // whole ones are in the window.
  void simple_events() {
    constexpr std::size_t kLongest = 20;  // with 16 digits
    if (has_pointers()) return;
    const char* at = lines_.ahead();
    const char* const last = at + lines_.remaining() - std::min(lines_.remaining(), kLongest);
    while (at < last && (*at == '+' || *at == '-') && at[1] == ' ') {
      const char* digit = at + 2;
      std::uint64_t number = 0;
      std::uint8_t value = 0;
      while ((value = kHexDigits[static_cast<std::uint8_t>(*digit)]) != kNoDigit &&
             digit < at + kLongest) {
        number = number << 4 | value;
        ++digit;
      }
      if (*digit != '\n' || digit == at + 2 || digit > at + 2 + kMostDigits) break;
      // The next thing that an error could be about.
      if (number >= infos_.size() || !event(*at == '+', infos_[number])) {
        lines_.skip_to(at);
        refuse_event(number);
      }
      at = digit + 1;
    }
    lines_.skip_to(at);
  }

  static constexpr std::ptrdiff_t kMostDigits = 16;

  [[nodiscard]] bool has_pointers() const { return header_.is_raw || header_.format_version == 0; }

  bool event(bool is_allocation, const Block& block) {
    return is_allocation ? amounts_.allocate(block.record, block.size)
                         : amounts_.free(block.record, block.size);
  }

  [[noreturn]] void refuse_event(std::uint64_t number) const {
    if (number >= infos_.size()) {
      lines_.fail(fmt::format("damaged: there is no allocation {:x}", number));
    }
    lines_.fail("damaged: a block is freed that is not there, or sizes add up to 2^63 bytes");
  }

  void take(std::string_view line) {
    if (line.size() < 3 || line[1] != ' ') header_.damaged(line);
    LinePieces pieces(line.substr(2));
    bool is_good = true;
    switch (line.front()) {
      case 's':
        strings_.push_back(builder().string(as_utf8(header_.string(pieces))));
        break;
      case 'i':
        is_good = instruction(pieces);
        break;
      case 'm':
        is_good = module(pieces);
        break;
      case 't':
        is_good = trace(pieces);
        break;
      case 'a':
        is_good = allocation_info(pieces);
        break;
      case '+':
        is_good = has_pointers() ? allocation(pieces) : numbered_event(true, pieces);
        break;
      case '-':
        is_good = has_pointers() ? free(pieces) : numbered_event(false, pieces);
        break;
      default:
        is_good = false;
    }
    if (!is_good) header_.damaged(line);
  }

  TracebackBuilder& builder() { return tracebacks_->builder(); }

  // --- interpreted ---

  // None for 0.
  [[nodiscard]] StringId string_called(std::uint64_t number) const {
    if (number > strings_.size()) {
      lines_.fail(fmt::format("damaged: there is no string {:x}", number));
    }
    return number == 0 ? kNone<StringId> : strings_[number - 1];
  }

  bool instruction(LinePieces& pieces) {
    std::uint64_t address = 0, module = 0;
    if (!pieces.hexadecimal(address) || !pieces.hexadecimal(module)) return false;
    const StringId module_name = string_called(module);
    Frame frame{.module = module_name == kNone<StringId>
                              ? kNone<ModuleId>
                              : builder().module({.name = module_name, .build_id = {}})};
    const std::size_t first = instruction_frames_.size();
    // The most recent one comes first, and everything but the last was inlined.
    std::uint64_t function = 0, file = 0, line = 0;
    while (pieces.hexadecimal(function)) {
      const bool has_file = pieces.hexadecimal(file) && pieces.hexadecimal(line);
      if (has_file && line > std::numeric_limits<std::int32_t>::max()) return false;
      frame.function = string_called(function);
      frame.filename = has_file ? string_called(file) : kNone<StringId>;
      frame.lineno = has_file ? static_cast<std::uint32_t>(line) : 0;
      frame.kind = FrameKind::inlined;
      instruction_frames_.push_back(builder().frame(frame));
      if (!has_file) break;
    }
    if (instruction_frames_.size() == first) {
      // Without a module, the address is all that there is.
      if (frame.module == kNone<ModuleId>) {
        frame.offset = address;
        frame.kind = FrameKind::exact_address;
      }
      instruction_frames_.push_back(builder().frame(frame));
    } else {
      frame.kind = FrameKind::source;
      instruction_frames_.back() = builder().frame(frame);
    }
    instructions_.push_back(
        {first, static_cast<std::uint32_t>(instruction_frames_.size() - first)});
    return pieces.empty();
  }

  // Its last one says what was pushed last.
  bool allocation_info(LinePieces& pieces) {
    std::uint64_t size = 0, trace = 0;
    if (!pieces.hexadecimal(size) || !pieces.hexadecimal(trace)) return false;
    infos_.push_back(block_of(size, trace));
    return true;
  }

  bool numbered_event(bool is_allocation, LinePieces& pieces) {
    std::uint64_t number = 0;
    if (!pieces.hexadecimal(number) || !pieces.empty()) return false;
    if (number >= infos_.size() || !event(is_allocation, infos_[number])) refuse_event(number);
    return true;
  }

  // --- raw ---

  bool module(LinePieces& pieces) {
    const std::string_view path = header_.string(pieces, false);
    header_.is_raw = true;
    if (path == "-") {
      modules_.clear();
      return true;
    }
    const std::string name = path == "x" ? header_.metadata.program : as_utf8(path);
    const ModuleId module = builder().module({.name = builder().string(name), .build_id = {}});
    std::uint64_t base = 0, address = 0, size = 0;
    if (!pieces.hexadecimal(base)) return false;
    while (pieces.hexadecimal(address)) {
      if (!pieces.hexadecimal(size)) return false;
      const std::uint64_t start = base + address;
      if (start >= base && start + size > start) modules_.add(start, start + size, base, module);
    }
    return pieces.empty();
  }

  bool allocation(LinePieces& pieces) {
    std::uint64_t size = 0, trace = 0, pointer = 0;
    if (!pieces.hexadecimal(size) || !pieces.hexadecimal(trace) || !pieces.hexadecimal(pointer))
      return false;
    const Block block = block_of(size, trace);
    if (!event(true, block)) refuse_sum();
    // A block whose free was not seen stays alive, as it does to heaptrack.
    live_blocks_.insert_or_assign(pointer, block);
    return true;
  }

  bool free(LinePieces& pieces) {
    std::uint64_t pointer = 0;
    if (!pieces.hexadecimal(pointer)) return false;
    const auto found = live_blocks_.find(pointer);
    if (found == live_blocks_.end()) {
      ++header_.metadata.losses.unknown_frees;
      return true;
    }
    const Block block = found->second;
    live_blocks_.erase(pointer);
    return event(false, block);
  }

  // --- both ---

  [[noreturn]] void refuse_sum() const { lines_.fail("sizes add up to 2^63 bytes or more"); }

  bool trace(LinePieces& pieces) {
    std::uint64_t frame = 0, caller = 0;
    if (!pieces.hexadecimal(frame) || !pieces.hexadecimal(caller)) return false;
    if (caller > trace_nodes_.size()) {
      lines_.fail(fmt::format("damaged: there is no trace {:x}", caller));
    }
    NodeId node = caller == 0 ? kRoot : trace_nodes_[caller - 1];
    if (header_.is_raw) {
      node = child(node, builder().frame(modules_.frame_at(frame, FrameKind::exact_address)));
    } else {
      if (frame > instructions_.size()) {
        lines_.fail(fmt::format("damaged: there is no instruction {:x}", frame));
      }
      // Number 0 is a frame of which nothing is known.
      const Instruction found = frame == 0 ? Instruction() : instructions_[frame - 1];
      for (std::uint32_t i = found.frames; i-- > 0;) {
        node = child(node, instruction_frames_[found.first + i]);
      }
    }
    trace_nodes_.push_back(node);
    trace_records_.push_back(kNoRecord);
    return true;
  }

  NodeId child(NodeId caller, FrameId frame) {
    return tracebacks_->child(caller, frame, lines_.offset());
  }

  Block block_of(std::uint64_t size, std::uint64_t trace) {
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) refuse_sum();
    if (trace > trace_nodes_.size()) {
      lines_.fail(fmt::format("damaged: there is no trace {:x}", trace));
    }
    std::uint32_t& record = trace == 0 ? unknown_record_ : trace_records_[trace - 1];
    if (record == kNoRecord) {
      record = amounts_.add_record();
      const NodeId node = trace == 0 ? kRoot : trace_nodes_[trace - 1];
      record_nodes_.push_back(node == kRoot ? builder().unknown_node() : node);
    }
    return {static_cast<std::int64_t>(size), record};
  }

  void describe(Metadata& metadata) {
    metadata = std::move(header_.metadata);
    metadata.current = static_cast<std::uint64_t>(amounts_.live());
    metadata.peak = static_cast<std::uint64_t>(amounts_.peak());
  }

  static constexpr std::uint32_t kNoRecord = ~std::uint32_t{0};
  struct Instruction {
    std::size_t first = 0;  // of instruction_frames_
    std::uint32_t frames = 0;
  };

  LineReader lines_;
  HeaptrackHeader header_;
  std::optional<BoundedTracebacks> tracebacks_;
  std::vector<StringId> strings_;
  std::vector<Instruction> instructions_;
  std::vector<FrameId> instruction_frames_;  // of each in turn, most recent first
  LoadedModules modules_;
  std::vector<NodeId> trace_nodes_;
  std::vector<std::uint32_t> trace_records_;
  std::uint32_t unknown_record_ = kNoRecord;
  std::vector<NodeId> record_nodes_;
  std::vector<Block> infos_;
  tsl::robin_map<std::uint64_t, Block, PointerHash> live_blocks_;  // by their pointers
  EventAmounts amounts_;
};

// --- the format ---

// "v 10400 3".
bool recognizes_heaptrack(const OpenInput& input) {
  LinePieces pieces(input.start.substr(0, input.start.find('\n')));
  std::uint64_t version = 0, format = 0;
  if (!pieces.take("v ") || !pieces.hexadecimal(version) || version >> 16 == 0) return false;
  pieces.hexadecimal(format);
  return pieces.empty() && input.start.find('\n') != std::string_view::npos;
}

Snapshot read_heaptrack(OpenInput& input, const ReadOptions& options) {
  return HeaptrackReader(input.bytes).read(options);
}

// The head alone: figures are known only when every event was counted.
SnapshotInfo info_of_heaptrack(OpenInput& input, bool /*timelines*/) {
  LineReader lines(input.bytes);
  HeaptrackHeader header(lines);
  std::string_view line;
  while (lines.next(line) && header.take(line)) {
  }
  SnapshotInfo info;
  info.kind = SnapshotKind::heaptrack;
  info.format = fmt::format("heaptrack {}, format {}, {}", version_words(header.version_number),
                            header.format_version, header.is_raw ? "raw" : "interpreted");
  info.metadata = std::move(header.metadata);
  info.metadata.memory = {};
  return info;
}

}  // namespace

constinit const InputFormat kHeaptrackFile = {
    .recognizes = recognizes_heaptrack,
    .read = read_heaptrack,
    .info = info_of_heaptrack,
    .is_event_list = true,
};

}  // namespace memtrace
