#include "cli/own_input.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// "-" is the descriptor that it stands for: "mtrace merge - -o app.zst < app.zst".
std::optional<struct stat> regular_file(const std::string& path, int descriptor) {
  struct stat status {};
  const int result = path == "-" ? fstat(descriptor, &status) : stat(path.c_str(), &status);
  if (result != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return status;
}

}  // namespace

void refuse_own_input(const std::string& output, std::span<const std::string> inputs) {
  const auto target = regular_file(output, STDOUT_FILENO);
  if (!target) return;
  for (const std::string& input : inputs) {
    const auto source = regular_file(input, STDIN_FILENO);
    if (!source || source->st_dev != target->st_dev || source->st_ino != target->st_ino) continue;
    throw Error("it is what is read here: --output must be another file")
        .in(output == "-" ? "standard output" : output);
  }
}

}  // namespace memtrace
