// What tests/cli/export.py, which has other tools read whole files, does not get at: odd frames.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <vector>

#include "export/export_format.hpp"
#include "export/gzip_sink.hpp"
#include "mtrace/snapshot_builder.hpp"
#include "render/rendered.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

std::string gunzipped(const std::string& packed) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
  std::string in = packed, text(std::size_t{1} << 22, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<unsigned int>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<unsigned int>(text.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  CHECK(stream.avail_in == 0);
  text.resize(text.size() - stream.avail_out);
  inflateEnd(&stream);
  return text;
}

std::string exported(ExportNotes (*write)(const ExportInput&, Sink&), const Snapshot& snapshot,
                     const Selection& selection = {}) {
  const SelectedRows rows(std::array{&snapshot}, selection);
  StringSink sink;
  write({.rows = rows, .metric = selection.metric, .paths = {"a.zst"}, .exporter = "test"}, sink);
  return sink.text();
}

// A profile's locations in words: "1 M1 +0x40: parse app.c:7 < main app.c:3"; and its samples.
class ProfileText {
 public:
  explicit ProfileText(const std::string& data) {
    protozero::pbf_reader profile(data);
    while (profile.next()) {
      switch (profile.tag()) {
        case 2:
          samples_.push_back(profile.get_message());
          break;
        case 3:
          mapping(profile.get_message());
          break;
        case 4:
          locations_.push_back(profile.get_message());
          break;
        case 5:
          function(profile.get_message());
          break;
        case 6:
          strings_.push_back(profile.get_string());
          break;
        default:
          profile.skip();
      }
    }
  }

  [[nodiscard]] std::string text() const {
    std::string text;
    for (protozero::pbf_reader location : locations_) text += location_text(location) + "\n";
    for (protozero::pbf_reader sample : samples_) {
      sample.next();
      text += "sample";
      for (const std::uint64_t id : sample.get_packed_uint64()) text += fmt::format(" {}", id);
      text += "\n";
    }
    return text;
  }

 private:
  struct Function {
    std::uint64_t name = 0, filename = 0;
  };

  void mapping(protozero::pbf_reader message) {
    std::uint64_t start = 0;
    while (message.next()) {
      if (message.tag() == 2) {
        start = message.get_uint64();
      } else {
        message.skip();
      }
    }
    starts_.push_back(start);
  }

  void function(protozero::pbf_reader message) {
    Function function;
    while (message.next()) {
      if (message.tag() == 2) {
        function.name = message.get_uint64();
      } else if (message.tag() == 4) {
        function.filename = message.get_uint64();
      } else {
        message.skip();
      }
    }
    functions_.push_back(function);
  }

  [[nodiscard]] std::string line_text(protozero::pbf_reader line) const {
    line.next();
    const Function& function = functions_.at(line.get_uint64() - 1);
    const std::uint64_t lineno = line.next() ? line.get_uint64() : 0;
    return fmt::format("{} {}:{}", strings_.at(function.name), strings_.at(function.filename),
                       lineno);
  }

  [[nodiscard]] std::string location_text(protozero::pbf_reader& location) const {
    std::uint64_t id = 0, mapping = 0, address = 0;
    std::string lines;
    while (location.next()) {
      switch (location.tag()) {
        case 1:
          id = location.get_uint64();
          break;
        case 2:
          mapping = location.get_uint64();
          break;
        case 3:
          address = location.get_uint64();
          break;
        default:
          lines += (lines.empty() ? " " : " < ") + line_text(location.get_message());
      }
    }
    const std::uint64_t start = mapping == 0 ? 0 : starts_.at(mapping - 1);
    return fmt::format("{} M{} +{:#x}:{}", id, mapping, address - start, lines);
  }

  std::vector<std::string> strings_;
  std::vector<std::uint64_t> starts_;
  std::vector<Function> functions_;
  std::vector<protozero::pbf_reader> samples_, locations_;
};

// main calls outer, into which middle and inner were inlined; inner allocates, and so does an
// unresolved function of libx, whose offset is `offset`.
Snapshot with_inlined_calls(std::uint64_t offset) {
  SnapshotBuilder builder;
  TracebackBuilder& tables = builder.tracebacks();
  const ModuleId app = tables.module({.name = tables.string("/app"), .build_id = "\x01\xff"});
  const ModuleId lib = tables.module({.name = tables.string("libx.so"), .build_id = ""});
  const auto frame = [&](std::string_view function, std::uint32_t lineno, FrameKind kind) {
    return tables.frame({.filename = tables.string("app.c"),
                         .lineno = lineno,
                         .function = tables.string(function),
                         .module = app,
                         .kind = kind});
  };
  const FrameId main = frame("main", 1, FrameKind::source);
  const FrameId outer = frame("outer", 2, FrameKind::source);
  const FrameId middle = frame("middle", 3, FrameKind::inlined);
  const FrameId inner = frame("inner", 4, FrameKind::inlined);
  const FrameId address =
      tables.frame({.module = lib, .offset = offset, .kind = FrameKind::return_address});
  builder.metadata().program = "/app";
  const DomainId domain = builder.domain(0);
  builder.add(builder.traceback({main, outer, middle, inner}), domain, Metric::live, {100, 1});
  builder.add(builder.traceback({main, outer}), domain, Metric::live, {20, 2});
  builder.add(builder.traceback({main, address}), domain, Metric::live, {3, 3});
  return builder.finish();
}

TEST_CASE("pprof: a location has the calls that were inlined there, innermost first") {
  const Snapshot snapshot = with_inlined_calls(0x40);
  CHECK(ProfileText(gunzipped(exported(export_pprof, snapshot))).text() ==
        "1 M1 +0x0: outer app.c:2\n"
        "2 M1 +0x1: main app.c:1\n"
        "3 M1 +0x2: inner app.c:4 < middle app.c:3 < outer app.c:2\n"
        "4 M2 +0x40:\n"
        "sample 1 2\n"
        "sample 3 2\n"
        "sample 4 2\n");
}

TEST_CASE("pprof: an inlined call whose host is hidden belongs to the next visible one") {
  Selection selection;
  selection.hide_function.emplace_back("outer");
  const Snapshot snapshot = with_inlined_calls(0x40);
  CHECK(ProfileText(gunzipped(exported(export_pprof, snapshot, selection))).text() ==
        "1 M1 +0x0: main app.c:1\n"
        "2 M1 +0x1: inner app.c:4 < middle app.c:3 < main app.c:1\n"
        "3 M2 +0x40:\n"
        "sample 1\n"
        "sample 2\n"
        "sample 3 1\n");
}

TEST_CASE("pprof: an offset that no module has does not leave its range") {
  const Snapshot snapshot = with_inlined_calls(~std::uint64_t{0});
  const std::string text = ProfileText(gunzipped(exported(export_pprof, snapshot))).text();
  CHECK(text.find("4 M2 +0x0:\n") != std::string::npos);
}

TEST_CASE("folded: a name with the format's own marks stays one name") {
  const Snapshot snapshot = snapshot_of(
      "0 10 1 a;b:1 say-12:0\n"
      "0 5 1 main:1@operator;x f:2@call\n"
      "0 7 1 main:2@operator;x f:3@call\n");
  CHECK(exported(export_folded, snapshot) == "a:b:1;say-12 10\noperator:x;call 12\n");

  SnapshotBuilder builder;
  const NodeId node = builder.traceback({builder.frame("", 0, "operator new 16")});
  builder.add(node, builder.domain(0), Metric::live, {1, 1});
  CHECK(exported(export_folded, builder.finish()) == "operator new_16 1\n");
}

TEST_CASE("gzip: what is large comes in pieces") {
  StringSink sink;
  GzipSink packed(sink);
  std::string text;
  std::uint32_t random = 1;
  for (int i = 0; i < 300'000; ++i) {
    random = random * 1664525 + 1013904223;
    text += static_cast<char>(random >> 24);
  }
  packed.write(std::string_view(text).substr(0, 100));
  packed.write(std::string_view(text).substr(100));
  packed.write("");
  packed.finish();
  CHECK(gunzipped(sink.text()) == text);
}

}  // namespace
}  // namespace memtrace::test
