// Profiles of DHAT, Valgrind's and Rust's: JSON, with a table of frames behind the program points
// that refer to it.
//
//   {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": true, ..., "cmd": "./app",
//    "pid": 4711,
//    "pps": [{"tb": 200000, "tbk": 200,      bytes and blocks that were ever allocated,
//             "gb": 72704, "gbk": 1,         at the moment of the highest memory,
//             "eb": 0, "ebk": 0,             in the end
//             "fs": [7, 11, 12]}, ...],      frames, most recent first
//    "ftbl": ["[root]", "0x109492: main (heap.cpp:9)", ...]}
//
// The three moments are there where blocks have lifetimes ("bklt").
#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "mtrace/error.hpp"
#include "read/foreign_snapshot.hpp"
#include "read/input_format.hpp"
#include "read/valgrind_frames.hpp"

namespace memtrace {
namespace {

// Bytes of an input, one at a time.
class JsonBytes {
 public:
  explicit JsonBytes(Input& input) : input_(input), window_(kWindowSize) { refill(); }

  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] char front() const { return static_cast<char>(window_[at_]); }
  void drop() {
    ++at_;
    if (at_ == end_) refill();
  }
  [[nodiscard]] std::uint64_t offset() const { return window_offset_ + at_; }

 private:
  static constexpr std::size_t kWindowSize = std::size_t{64} << 10;

  void refill() {
    window_offset_ += end_;
    at_ = 0;
    end_ = input_.read(window_);
  }

  Input& input_;
  std::vector<std::uint8_t> window_;
  std::size_t at_ = 0, end_ = 0;
  std::uint64_t window_offset_ = 0;  // of the window's first byte
};

// As the parser takes them. A default one stands for the end.
class JsonIterator {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the standard library's names
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;
  // NOLINTEND(readability-identifier-naming)

  JsonIterator() = default;
  explicit JsonIterator(JsonBytes& bytes) : bytes_(&bytes) {}

  char operator*() const { return bytes_->front(); }
  JsonIterator& operator++() {
    bytes_->drop();
    return *this;
  }
  JsonIterator operator++(int) {
    JsonIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const JsonIterator& other) const { return is_end() == other.is_end(); }
  bool operator!=(const JsonIterator& other) const { return !(*this == other); }

 private:
  [[nodiscard]] bool is_end() const { return bytes_ == nullptr || bytes_->at_end(); }

  JsonBytes* bytes_ = nullptr;
};

struct ProgramPoint {
  // In the order of kAmountKeys; negative: missing.
  std::array<std::int64_t, 6> amounts{-1, -1, -1, -1, -1, -1};
  std::size_t first = 0, frames = 0;  // of the list of all
};
constexpr std::array<std::string_view, 6> kAmountKeys = {"eb", "ebk", "gb", "gbk", "tb", "tbk"};

struct DhatProfile {
  std::optional<std::int64_t> version{}, pid{};
  std::string mode{}, command{}, byte_unit{"byte"};
  bool has_lifetimes = false, has_points = false, has_table = false;
  std::vector<ProgramPoint> points{};
  std::vector<std::uint32_t> frames{};  // of each point in turn
  std::vector<std::string> table{};
};

// Fills a profile from the parser's events. What it does not know is passed over.
class DhatEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  DhatEvents(DhatProfile& profile, const JsonBytes& bytes) : profile_(profile), bytes_(bytes) {}

  bool null() override { return value(); }
  bool boolean(bool given) override {
    if (is_top() && key_ == "bklt") profile_.has_lifetimes = given;
    return value();
  }
  bool number_integer(number_integer_t given) override { return number(given); }
  bool number_unsigned(number_unsigned_t given) override {
    if (given > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      fail("damaged: a number of 2^63 or more");
    }
    return number(static_cast<std::int64_t>(given));
  }
  bool number_float(number_float_t /*given*/, const string_t& /*text*/) override {
    if (in_point() || in_frames()) fail("damaged: a number that is none of bytes or blocks");
    return value();
  }
  bool string(string_t& given) override {
    if (is_top() && key_ == "mode") profile_.mode = given;
    if (is_top() && key_ == "cmd") profile_.command = given;
    if (is_top() && key_ == "bu") profile_.byte_unit = given;
    if (depth_ == 2 && list_ == List::table) profile_.table.push_back(std::move(given));
    return value();
  }
  bool binary(binary_t& /*given*/) override { return true; }

  bool start_object(std::size_t /*size*/) override {
    ++depth_;
    if (in_point()) profile_.points.push_back({.first = profile_.frames.size()});
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool key(string_t& given) override {
    key_ = given;
    return true;
  }
  bool start_array(std::size_t /*size*/) override {
    if (depth_ == 0) fail("damaged: a profile is an object");
    if (is_top()) {
      list_ = key_ == "pps" ? List::points : key_ == "ftbl" ? List::table : List::other;
      (list_ == List::points ? profile_.has_points : profile_.has_table) |= list_ != List::other;
    }
    if (in_point()) in_frames_ = key_ == "fs";
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    if (in_point()) in_frames_ = false;
    if (is_top()) list_ = List::other;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    throw Error::at_byte(position, "damaged: this is no JSON, or it is cut");
  }

 private:
  enum class List : std::uint8_t { other, points, table };

  [[nodiscard]] bool is_top() const { return depth_ == 1; }
  // Directly in an object of the list of points, or in its list of frames.
  [[nodiscard]] bool in_point() const { return depth_ == 3 && list_ == List::points; }
  [[nodiscard]] bool in_frames() const {
    return depth_ == 4 && list_ == List::points && in_frames_;
  }

  static bool value() { return true; }

  bool number(std::int64_t given) {
    if (is_top() && key_ == "dhatFileVersion") profile_.version = given;
    if (is_top() && key_ == "pid") profile_.pid = given;
    if (in_frames()) {
      if (given < 0 || given > std::numeric_limits<std::uint32_t>::max()) {
        fail("damaged: a number of a frame that is none");
      }
      profile_.frames.push_back(static_cast<std::uint32_t>(given));
      ++profile_.points.back().frames;
    }
    if (in_point() && !profile_.points.empty()) {
      for (std::size_t i = 0; i < kAmountKeys.size(); ++i) {
        if (key_ != kAmountKeys[i]) continue;
        if (given < 0) fail("damaged: a negative number of bytes or blocks");
        profile_.points.back().amounts[i] = given;
      }
    }
    return value();
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error::at_byte(bytes_.offset(), what);
  }

  DhatProfile& profile_;
  const JsonBytes& bytes_;
  std::size_t depth_ = 0;  // objects and lists that are open
  List list_ = List::other;
  bool in_frames_ = false;
  std::string key_;
};

DhatProfile parse_dhat(Input& input) {
  DhatProfile profile;
  JsonBytes bytes(input);
  DhatEvents events(profile, bytes);
  if (!nlohmann::json::sax_parse(JsonIterator(bytes), JsonIterator(), &events)) {
    throw Error("damaged: this is no JSON");
  }
  return profile;
}

void check_dhat(const DhatProfile& profile) {
  constexpr std::int64_t kVersion = 2;
  if (!profile.version || !profile.has_points || !profile.has_table) {
    throw Error("damaged: a DHAT profile without dhatFileVersion, pps or ftbl");
  }
  if (*profile.version != kVersion) {
    throw Error(
        fmt::format("a DHAT profile of version {}: only {} is known", *profile.version, kVersion));
  }
  if (profile.byte_unit != "byte" || profile.mode == "copy" || profile.mode == "ad-hoc") {
    throw Error(fmt::format("a DHAT profile, but not of the heap: its mode is '{}'",
                            as_utf8(profile.mode)));
  }
}

class DhatReader {
 public:
  explicit DhatReader(DhatProfile profile) : profile_(std::move(profile)) {}

  Snapshot read(const ReadOptions& options) {
    check_dhat(profile_);
    std::vector<Metric> available{Metric::total};
    if (profile_.has_lifetimes) available.assign(kMetrics.begin(), kMetrics.end());
    const std::vector<Metric> metrics = wanted_metrics(available, options, "this DHAT profile");
    SnapshotBuilder builder(metrics);
    BoundedTracebacks tracebacks(builder.tracebacks());
    const DomainId domain = builder.domain(1, "native");
    for (const std::string& text : profile_.table) table_.push_back(parse_valgrind_frame(text));
    for (const ProgramPoint& point : profile_.points) {
      const NodeId node = traceback(point, tracebacks);
      for (const Metric metric : metrics) {
        builder.add(node, domain, metric, amount_of(point, metric));
      }
    }
    describe(builder.metadata());
    return builder.finish();
  }

 private:
  static Amount amount_of(const ProgramPoint& point, Metric metric) {
    const std::size_t place = 2 * static_cast<std::size_t>(metric);
    const Amount amount{point.amounts.at(place), point.amounts.at(place + 1)};
    if (amount.size < 0 || amount.count < 0) {
      throw Error(fmt::format("damaged: a program point without {} or {}", kAmountKeys.at(place),
                              kAmountKeys.at(place + 1)));
    }
    return amount;
  }

  NodeId traceback(const ProgramPoint& point, BoundedTracebacks& tracebacks) {
    NodeId node = kRoot;
    const ValgrindFrame* caller = nullptr;
    for (std::size_t i = point.frames; i-- > 0;) {
      const std::uint32_t number = profile_.frames[point.first + i];
      if (number >= table_.size()) {
        throw Error(fmt::format("damaged: there is no frame {}", number));
      }
      const auto& frame = table_[number];
      if (!frame && number == 0) continue;  // "[root]"
      // Rust's names its frames alike; what is no frame at all is taken for a function's name.
      const ValgrindFrame added = frame.value_or(ValgrindFrame{
          .address = {}, .function = profile_.table[number], .filename = {}, .module = {}});
      node = tracebacks.child(node, add_frame(added, caller, tracebacks.builder()), kMostBytes);
      caller = frame ? &*frame : nullptr;
    }
    return node == kRoot ? tracebacks.builder().unknown_node() : node;
  }

  void describe(Metadata& metadata) const {
    metadata.kind = SnapshotKind::dhat;
    if (profile_.pid && *profile_.pid >= 0) {
      metadata.pid = static_cast<std::uint64_t>(*profile_.pid);
    }
    std::string_view rest = profile_.command;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      if (end != 0) metadata.command.push_back(as_utf8(rest.substr(0, end)));
      rest.remove_prefix(std::min(rest.size(), end + 1));
    }
    if (!metadata.command.empty()) metadata.program = metadata.command.front();
  }

  // Every frame of a traceback has a number of its own in the file.
  static constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 40;

  DhatProfile profile_;
  std::vector<std::optional<ValgrindFrame>> table_;  // views of the profile's
};

// --- the format ---

// Both write this key first.
bool recognizes_dhat(const OpenInput& input) {
  std::string_view rest = input.start;
  const auto skip = [&](std::string_view token) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
    if (!rest.starts_with(token)) return false;
    rest.remove_prefix(token.size());
    return true;
  };
  return skip("{") && skip("\"dhatFileVersion\"");
}

Snapshot read_dhat(OpenInput& input, const ReadOptions& options) {
  return DhatReader(parse_dhat(input.bytes)).read(options);
}

SnapshotInfo info_of_dhat(OpenInput& input, bool /*timelines*/) {
  return info_of(read_dhat(input, {}), "DHAT profile 2");
}

}  // namespace

constinit const InputFormat kDhatProfile = {recognizes_dhat, read_dhat, info_of_dhat};

}  // namespace memtrace
