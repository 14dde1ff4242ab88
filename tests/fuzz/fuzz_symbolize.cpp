// Any bytes at all, as a program with debug information: addresses in it are looked up, or not, and
// the snapshot stays valid. The module's build id is taken from the file, so that it is believed.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mtrace/error.hpp"
#include "mtrace/snapshot_builder.hpp"
#include "mtrace/symbolize.hpp"
#include "symbolize/elf_file.hpp"
#include "symbolize/names.hpp"

namespace {

using namespace memtrace;

constexpr std::uint64_t kAddresses = 64;

class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : file_(memfd_create("fuzz", 0)) {
    if (file_ < 0 || write(file_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

// Addresses all over the code.
Snapshot snapshot_of(const ElfFile& elf, const std::string& path) {
  TracebackBuilder builder;
  const ModuleId module =
      builder.module({.name = builder.string(path), .build_id = elf.build_id()});
  Snapshot snapshot;
  for (const CodeRange& range : elf.code()) {
    for (std::uint64_t i = 0; i < kAddresses; ++i) {
      const Frame frame = {.module = module,
                           .offset = range.low + (range.high - range.low) / kAddresses * i,
                           .kind = FrameKind::return_address};
      snapshot.rows.node.push_back(builder.child(kRoot, builder.frame(frame)));
      snapshot.rows.domain.push_back(DomainId{0});
    }
    if (snapshot.rows.size() > 4 * kAddresses) break;
  }
  snapshot.domains.push_back({});
  snapshot.tracebacks = builder.take();
  return snapshot;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) {
    static_cast<void>(demangled(std::string(reinterpret_cast<const char*>(data), size).c_str()));
  }
  const MemoryFile file(data, size);
  try {
    Snapshot snapshot = snapshot_of(ElfFile(file.path()), file.path());
    const SymbolizeResult result = symbolize(snapshot, {.threads = 1});
    validate(snapshot);
    if (result.warnings.size() > 1 || result.with_lines + result.with_names > result.addresses) {
      std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
