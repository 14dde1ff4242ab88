// Bytes in: files, pipes, and what zstd and gzip unpack.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace memtrace {

// A source of bytes that is read once, forwards.
class Input {
 public:
  virtual ~Input() = default;
  // Fills as much of the buffer as it can at once; 0 at the end and only there. Throws Error.
  virtual std::size_t read(std::span<std::uint8_t> buffer) = 0;
  // Moves forward; what ends before is an Error. Reads and drops, unless there is a faster way.
  virtual void skip(std::uint64_t size);
};

// A file or a pipe, and how far reading has come.
class FileInput : public Input {
 public:
  // "-" is standard input. Throws Error for what cannot be opened, and for a directory.
  explicit FileInput(const std::string& path);
  ~FileInput() override;
  FileInput(const FileInput&) = delete;
  FileInput& operator=(const FileInput&) = delete;

  std::size_t read(std::span<std::uint8_t> buffer) override;
  void skip(std::uint64_t size) override;

  // nullopt for a pipe.
  [[nodiscard]] std::optional<std::uint64_t> size() const { return size_; }

  // Called after every read with (position, size or 0).
  void on_progress(std::function<void(std::uint64_t, std::uint64_t)> progress) {
    progress_ = std::move(progress);
  }

 private:
  int file_ = -1;
  bool owned_ = false;
  std::uint64_t position_ = 0;  // bytes read or skipped so far
  std::optional<std::uint64_t> size_;
  std::function<void(std::uint64_t, std::uint64_t)> progress_;
};

// Some bytes that were read already, then the rest: lets a reader look at a file's first bytes.
class PrefixedInput : public Input {
 public:
  PrefixedInput(std::string prefix, Input& rest) : prefix_(std::move(prefix)), rest_(rest) {}
  std::size_t read(std::span<std::uint8_t> buffer) override;
  void skip(std::uint64_t size) override;

 private:
  std::string prefix_;
  std::size_t used_ = 0;
  Input& rest_;
};

// Reads until `size` bytes are there or the input ends.
std::string read_up_to(Input& input, std::size_t size);

inline constexpr std::uint64_t kFreeExpansion = std::uint64_t{128} << 20;
inline constexpr std::uint64_t kMaxExpansion = 1000;

// What is in a packed one. What expands to more than kFreeExpansion bytes and more than
// kMaxExpansion times its size is refused: no snapshot does.
class UnpackingInput : public Input {
 public:
  // For those who keep nothing of what they read, and whose files may repeat themselves.
  void allow_any_expansion() { is_expansion_free_ = true; }

 protected:
  // Throws Error where `unpacked` bytes out of `packed` ones are too many.
  void check(std::uint64_t packed, std::uint64_t unpacked) const;

 private:
  bool is_expansion_free_ = false;
};

// Unpack concatenated zstd frames, or gzip members. Memory: one window.
std::unique_ptr<UnpackingInput> make_zstd_input(Input& packed);
std::unique_ptr<UnpackingInput> make_gzip_input(Input& packed);

// Throws Error where `unpacked` bytes out of `packed` ones are more than a snapshot can be.
void check_expansion(std::uint64_t packed, std::uint64_t unpacked);

}  // namespace memtrace
