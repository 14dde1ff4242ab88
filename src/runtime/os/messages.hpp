// Words for those outside, and short texts put together in place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace memtrace::runtime {

// What the tracer tells `mtrace run`, which waits outside: one line at a time.

// Kinds of lines. Each line is "KIND PID NUMBER PATH\n"; the number is an error's, or 0.
enum class MessageKind : char {
  started = 's',       // tracing has begun; PATH is the program
  passed_on = 'o',     // this program is none of those to be traced; PATH is the program
  temporary = 't',     // a file of this name may exist until the next line of this process
  written = 'w',       // a snapshot has its name
  failed = 'f',        // a snapshot could not be written
  other_malloc = 'm',  // PATH, "" for the program, defines malloc and stands before the hooks
  interpreter = 'i',   // whose lines are not traced; PATH says why, and what to do
  given_up = 'g',      // tracing has ended, or did not begin, for want of memory; PATH says why
};

// `descriptor_path` names a file that lines are appended to ("/proc/PID/fd/N" of `mtrace run`);
// empty: nobody listens. The text is copied.
void send_messages_to(std::string_view descriptor_path);

// For a thread that has descriptors of its own: it reaches the listener also when the program has
// lost the way, by giving up privileges or /proc.
void keep_messages_open();

// Where the listener cannot be reached, nothing happens.
void send_message(MessageKind kind, std::string_view path, int error = 0);

// A line on standard error, for what nobody else could say: while the process starts, before the
// program has made anything else of that descriptor.
void say(std::string_view what);

// Short texts, put together in place.

// A NUL-terminated text of at most kSize - 1 bytes. What does not fit is dropped and is_whole() is
// false from then on.
template <std::size_t kSize>
class TextBuffer {
 public:
  TextBuffer& operator<<(std::string_view text) {
    if (text.size() >= kSize - size_) {
      whole_ = false;
      return *this;
    }
    if (!text.empty()) std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
    bytes_[size_] = '\0';
    return *this;
  }
  TextBuffer& operator<<(char character) { return *this << std::string_view(&character, 1); }
  TextBuffer& operator<<(std::uint64_t number) {
    std::array<char, 20> digits{};
    std::size_t first = digits.size();
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return *this << std::string_view(digits.data() + first, digits.size() - first);
  }

  void clear() {
    size_ = 0;
    whole_ = true;
    bytes_[0] = '\0';
  }
  void shorten(std::size_t size) {
    size_ = size;
    bytes_[size_] = '\0';
  }
  [[nodiscard]] bool is_whole() const { return whole_; }
  [[nodiscard]] const char* c_str() const { return bytes_.data(); }
  [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kSize> bytes_{};
  std::size_t size_ = 0;
  bool whole_ = true;
};

}  // namespace memtrace::runtime
