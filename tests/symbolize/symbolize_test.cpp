#include "mtrace/symbolize.hpp"

#include <doctest/doctest.h>
#include <link.h>

#include <filesystem>

#include "mtrace/snapshot_builder.hpp"
#include "support/snapshot_text.hpp"
#include "support/temporary_folder.hpp"
#include "symbolize/elf_file.hpp"

// Has a name in any build's symbol table.
extern "C" __attribute__((noinline, used)) int mtrace_symbolize_test_function(int value) {
  __asm__ volatile("" : "+r"(value));
  return value;
}

namespace memtrace::test {
namespace {

std::string own_path() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

std::uint64_t own_load_bias() {
  std::uint64_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        *static_cast<std::uint64_t*>(result) = info->dlpi_addr;
        return 1;  // the first one is the program
      },
      &bias);
  return bias;
}

// main.py:1 called this program's code at `offset`.
Snapshot snapshot_with(std::uint64_t offset, FrameKind kind, const std::string& build_id) {
  Snapshot snapshot = snapshot_of("0 8 1 main.py:1");
  TracebackBuilder builder(std::move(snapshot.tracebacks));
  const ModuleId module =
      builder.module({.name = builder.string(own_path()), .build_id = build_id});
  const FrameId frame = builder.frame({.module = module, .offset = offset, .kind = kind});
  snapshot.rows.node[0] = builder.child(snapshot.rows.node[0], frame);
  snapshot.tracebacks = builder.take();
  return snapshot;
}

const Frame& newest_frame(const Snapshot& snapshot) {
  const Tracebacks& tables = snapshot.tracebacks;
  return tables.frames[tables.nodes[snapshot.rows.node[0]].frame];
}

TEST_CASE("a snapshot without addresses stays what it is") {
  Snapshot snapshot = snapshot_of("0 8 1 main.py:1 worker.py:2");
  const std::string before = dump_of(snapshot);
  CHECK_FALSE(has_addresses(snapshot));
  const SymbolizeResult result = symbolize(snapshot);
  CHECK(result.addresses == 0);
  CHECK(result.warnings.empty());
  CHECK(dump_of(snapshot) == before);
}

TEST_CASE("what cannot be found stays an address, and a warning says why, once for each module") {
  const TemporaryFolder folder;
  const std::string text =
      folder.write("text.so", "not an ELF file, but as long as a header would be");
  Snapshot snapshot = snapshot_of("0 8 1 main.py:1 " + text + "+0x10 " + folder.file("none.so") +
                                  "+0x20 " + text + "+0x30 [vdso]+0x40");
  const std::string before = dump_of(snapshot);
  const SymbolizeResult result = symbolize(snapshot);
  validate(snapshot);
  CHECK(dump_of(snapshot) == before);
  CHECK(result.addresses == 4);
  CHECK(result.unresolved() == 4);
  REQUIRE(result.warnings.size() == 2);
  CHECK(result.warnings[0] == text + ": it is not an ELF file");
  CHECK(result.warnings[1] == folder.file("none.so") + ": No such file or directory");
}

TEST_CASE("an address of this program") {
  const auto function = reinterpret_cast<std::uint64_t>(&mtrace_symbolize_test_function);
  const std::uint64_t offset = function - own_load_bias();
  const std::string build_id = ElfFile(own_path()).build_id();
  CHECK(mtrace_symbolize_test_function(1) == 1);

  SUBCASE("is a function's") {
    Snapshot snapshot = snapshot_with(offset, FrameKind::exact_address, build_id);
    const SymbolizeResult result = symbolize(snapshot);
    validate(snapshot);
    CHECK(result.unresolved() == 0);
    const Frame& frame = newest_frame(snapshot);
    CHECK(snapshot.tracebacks.strings[frame.function] == "mtrace_symbolize_test_function");
    CHECK(frame.kind == FrameKind::source);
    REQUIRE(frame.module != kNone<ModuleId>);
    CHECK(snapshot.tracebacks.modules[frame.module].build_id == build_id);
  }
  SUBCASE("is one byte before where a call returns to") {
    Snapshot snapshot = snapshot_with(offset, FrameKind::return_address, build_id);
    symbolize(snapshot);
    const Frame& frame = newest_frame(snapshot);
    CHECK(snapshot.tracebacks.strings[frame.function] != "mtrace_symbolize_test_function");
  }
  SUBCASE("is not believed of another build") {
    Snapshot snapshot = snapshot_with(offset, FrameKind::exact_address, "another");
    const SymbolizeResult result = symbolize(snapshot);
    CHECK(result.unresolved() == 1);
    REQUIRE(result.warnings.size() == 1);
    CHECK(result.warnings[0].find("another build") != std::string::npos);
    CHECK(newest_frame(snapshot).is_address());
  }
  SUBCASE("is looked for below the folder that stands for the root") {
    const TemporaryFolder folder;
    std::filesystem::create_symlink("/", folder.file("root"));
    Snapshot snapshot = snapshot_with(offset, FrameKind::exact_address, build_id);
    CHECK(symbolize(snapshot, {.sysroot = folder.file("root")}).unresolved() == 0);
  }
}

TEST_CASE("looking up is reported from the beginning to the end by the thread that asks") {
  Snapshot snapshot = snapshot_of("0 8 1 /nothing/a.so+0x10 /nothing/b.so+0x20");
  std::uint64_t last = 0;
  symbolize(snapshot, {.progress = [&](std::uint64_t done, std::uint64_t total) {
              CHECK(done >= last);
              CHECK(total == 2);
              last = done;
            }});
}

}  // namespace
}  // namespace memtrace::test
