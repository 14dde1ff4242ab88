// Stands in for libFuzzer in ordinary builds: runs the fuzz target over every file of the corpus,
// so that what a fuzzer once found is looked at in every test run, with any compiler.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// In order of their names, so that two runs do the same.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Exactly as large as the file, so that a sanitizer sees the first byte past its end.
std::vector<std::uint8_t> content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw std::runtime_error(file.string() + ": cannot be read");
  return {text.begin(), text.end()};
}

int replay(std::span<char*> folders) {
  static_cast<void>(LLVMFuzzerTestOneInput(nullptr, 0));
  std::size_t inputs = 0;
  for (const char* const folder : folders) {
    for (const std::filesystem::path& file : files_below(folder)) {
      std::printf("%s\n", file.c_str());
      static_cast<void>(std::fflush(stdout));  // the last line names the input that crashed
      const std::vector<std::uint8_t> content = content_of(file);
      static_cast<void>(LLVMFuzzerTestOneInput(content.data(), content.size()));
      ++inputs;
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return replay(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
