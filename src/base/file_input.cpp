#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/input.hpp"
#include "mtrace/error.hpp"

namespace memtrace {

void Input::skip(std::uint64_t size) {
  std::array<std::uint8_t, 4096> dropped;
  while (size > 0) {
    const std::size_t got =
        read(std::span(dropped).first(std::min<std::uint64_t>(size, dropped.size())));
    if (got == 0) throw Error("it ends too early");
    size -= got;
  }
}

FileInput::FileInput(const std::string& path) {
  if (path == "-") {
    file_ = STDIN_FILENO;
  } else {
    file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    owned_ = true;
  }
  struct stat status {};
  if (file_ < 0 || fstat(file_, &status) != 0) throw Error(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) throw Error(std::strerror(EISDIR));
  if (S_ISREG(status.st_mode)) size_ = static_cast<std::uint64_t>(status.st_size);
}

FileInput::~FileInput() {
  if (owned_ && file_ >= 0) close(file_);
}

std::size_t FileInput::read(std::span<std::uint8_t> buffer) {
  for (;;) {
    const ssize_t got = ::read(file_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(std::strerror(errno));
    position_ += static_cast<std::uint64_t>(got);
    if (progress_) progress_(position_, size_.value_or(0));
    return static_cast<std::size_t>(got);
  }
}

void FileInput::skip(std::uint64_t size) {
  if (size_ && size <= *size_ - std::min(position_, *size_) &&
      lseek(file_, static_cast<off_t>(size), SEEK_CUR) >= 0) {
    position_ += size;
    return;
  }
  Input::skip(size);
}

std::size_t PrefixedInput::read(std::span<std::uint8_t> buffer) {
  if (used_ == prefix_.size()) return rest_.read(buffer);
  const std::size_t size = std::min(buffer.size(), prefix_.size() - used_);
  std::memcpy(buffer.data(), prefix_.data() + used_, size);
  used_ += size;
  return size;
}

void PrefixedInput::skip(std::uint64_t size) {
  const std::uint64_t of_prefix = std::min<std::uint64_t>(size, prefix_.size() - used_);
  used_ += of_prefix;
  rest_.skip(size - of_prefix);
}

std::string read_up_to(Input& input, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const std::size_t got = input.read(
        std::span(reinterpret_cast<std::uint8_t*>(bytes.data()) + filled, size - filled));
    if (got == 0) break;
    filled += got;
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace memtrace
