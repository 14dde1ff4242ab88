#include "cli/runtime_library.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// Its SONAME: a program that is linked with the runtime then has no second one.
constexpr const char* kName = MTRACE_RUNTIME_NAME;

// From the folder of the program: where it was built, where it is installed, and where other ways
// of installing put it.
constexpr std::array kFolders = {".", MTRACE_RUNTIME_FOLDER, "../lib", "../lib/x86_64-linux-gnu",
                                 "../lib64"};

std::string find_library() {
  const char* const given = std::getenv("MTRACE_RUNTIME");
  if (given != nullptr && *given != '\0') {
    if (access(given, R_OK) != 0) throw Error("there is none").in(given);
    return std::filesystem::absolute(given);
  }
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* const folder : kFolders) {
    const auto path = (program.parent_path() / folder / kName).lexically_normal();
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  throw Error(std::string("there is no ") + kName + " beside " + program.string() +
              ": set MTRACE_RUNTIME to its path");
}

}  // namespace

std::string runtime_library() {
  std::string path = find_library();
  if (path.find_first_of(": ") != std::string::npos) {
    throw Error("LD_PRELOAD cannot hold a path with a space or a colon").in(path);
  }
  return path;
}

}  // namespace memtrace
