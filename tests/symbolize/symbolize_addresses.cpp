// Looks up addresses in one ELF file, as mtrace does, and prints what addr2line -afi prints:
//
//   symbolize_addresses [--debug-dir DIR] [--sysroot DIR] [--build-id HEX] [--return] [--threads N]
//                       [--quiet] PATH < addresses
//
// Addresses are hexadecimal, one a line. For each: "0xADDRESS", then for each frame, innermost
// first, the function and FILE:LINE ("??" and "??:0" where they are not known). Warnings and what
// it took go to standard error.
#include "mtrace/symbolize.hpp"

#include <elfutils/libdwelf.h>
#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "mtrace/snapshot_builder.hpp"

namespace memtrace {
namespace {

struct Options {
  SymbolizeOptions symbolize;
  std::string path;
  std::string build_id;
  bool has_build_id = false;
  bool quiet = false;
  FrameKind kind = FrameKind::exact_address;
};

std::string from_hexadecimal(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::string build_id_of(const std::string& path) {
  static_cast<void>(elf_version(EV_CURRENT));
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Elf* const elf = elf_begin(file, ELF_C_READ_MMAP, nullptr);
  const void* bytes = nullptr;
  const ssize_t size = elf == nullptr ? 0 : dwelf_elf_gnu_build_id(elf, &bytes);
  const std::string id(static_cast<const char*>(bytes),
                       static_cast<std::size_t>(size > 0 ? size : 0));
  elf_end(elf);
  return id;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    if (word == "--debug-dir") {
      options.symbolize.debug_folders.push_back(value());
    } else if (word == "--sysroot") {
      options.symbolize.sysroot = value();
    } else if (word == "--threads") {
      options.symbolize.threads = static_cast<unsigned>(std::stoul(value()));
    } else if (word == "--build-id") {
      options.build_id = from_hexadecimal(value());
      options.has_build_id = true;
    } else if (word == "--return") {
      options.kind = FrameKind::return_address;
    } else if (word == "--quiet") {
      options.quiet = true;
    } else {
      options.path = word;
    }
  }
  if (!options.has_build_id)
    options.build_id = build_id_of(options.symbolize.sysroot + options.path);
  return options;
}

// One traceback of one frame for each address, in order.
Snapshot snapshot_of(const std::vector<std::uint64_t>& addresses, const Options& options) {
  TracebackBuilder builder;
  const ModuleId module =
      builder.module({.name = builder.string(options.path), .build_id = options.build_id});
  Snapshot snapshot;
  for (const std::uint64_t address : addresses) {
    const FrameId frame =
        builder.frame({.module = module, .offset = address, .kind = options.kind});
    snapshot.rows.node.push_back(builder.child(kRoot, frame));
    snapshot.rows.domain.push_back(DomainId{0});
  }
  snapshot.domains.push_back({});
  snapshot.tracebacks = builder.take();
  return snapshot;
}

void print(const Snapshot& snapshot, const std::vector<std::uint64_t>& addresses) {
  const Tracebacks& tables = snapshot.tracebacks;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    std::printf("0x%llx\n", static_cast<unsigned long long>(addresses[i]));
    for (NodeId node = snapshot.rows.node[i]; node != kRoot; node = tables.nodes[node].parent) {
      const Frame& frame = tables.frames[tables.nodes[node].frame];
      const std::string function(tables.strings[frame.function]);
      const std::string filename(tables.strings[frame.filename]);
      std::printf("%s\n%s:%u\n", function.empty() ? "??" : function.c_str(),
                  filename.empty() ? "??" : filename.c_str(), frame.lineno);
    }
  }
}

// In KiB. getrusage() counts what the process was before it executed this program, too: all of its
// parent's memory.
std::uint64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(line.find(':') + 1));
  }
  throw std::runtime_error("/proc/self/status does not tell the peak of memory");
}

void run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::vector<std::uint64_t> addresses;
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) addresses.push_back(std::stoull(line, nullptr, 16));
  }
  Snapshot snapshot = snapshot_of(addresses, options);
  const auto start = std::chrono::steady_clock::now();
  const SymbolizeResult result = symbolize(snapshot, options.symbolize);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  validate(snapshot);
  if (!options.quiet) print(snapshot, addresses);
  for (const std::string& warning : result.warnings) std::cerr << "warning: " << warning << '\n';
  std::cerr << result.addresses << " addresses, " << result.with_lines << " with lines, "
            << result.with_names << " with names, " << elapsed.count() << " s, "
            << peak_memory() / 1024 << " MiB\n";
}

}  // namespace
}  // namespace memtrace

int main(int argc, char** argv) {
  try {
    memtrace::run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
