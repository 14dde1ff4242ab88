#include "page/page.hpp"

#include <array>
#include <string>

#include "export/gzip_sink.hpp"
#include "mtrace/error.hpp"
#include "page/page_template.hpp"
#include "render/escape.hpp"

namespace memtrace {
namespace {

constexpr std::string_view kTitleMark = "@TITLE@", kDataMark = "@DATA@";
constexpr std::size_t kLongestTitle = 200;

// In lines, which browsers pass over, for editors.
class Base64Sink : public Sink {
 public:
  explicit Base64Sink(Sink& sink) : buffer_(sink) {}

  void write(std::string_view bytes) override {
    for (const char byte : bytes) {
      group_[filled_++] = static_cast<unsigned char>(byte);
      if (filled_ == group_.size()) put();
    }
  }
  // Nothing may be written afterwards.
  void finish() {
    if (filled_ > 0) put();
    buffer_.flush();
  }

 private:
  static constexpr std::size_t kGroupsInLine = 30;

  void put() {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = filled_; i < group_.size(); ++i) group_.at(i) = 0;
    const std::uint32_t bits = static_cast<std::uint32_t>(group_[0]) << 16 |
                               static_cast<std::uint32_t>(group_[1]) << 8 | group_[2];
    std::string& text = buffer_.text();
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= filled_ ? kDigits[bits >> (18 - 6 * i) & 63U] : '=';
    }
    filled_ = 0;
    if (++groups_ % kGroupsInLine == 0) {
      text += '\n';
      buffer_.line_done();
    }
  }

  SinkBuffer buffer_;
  std::array<unsigned char, 3> group_{};
  std::size_t filled_ = 0, groups_ = 0;
};

// Text between tags.
std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : shortened_end(escaped(text), kLongestTitle)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

bool has_pages() {
  return !kPageTemplate.empty();
}

void write_page(const PageInput& input, std::string_view title, Sink& sink) {
  const std::size_t at_title = kPageTemplate.find(kTitleMark);
  const std::size_t at_data = kPageTemplate.find(kDataMark);
  if (at_title == std::string_view::npos || at_data == std::string_view::npos) {
    throw Error("this build of mtrace has no pages: esbuild and node-d3 were missing");
  }
  const std::size_t after_title = at_title + kTitleMark.size();
  sink.write(kPageTemplate.substr(0, at_title));
  sink.write(html_text(title));
  sink.write(kPageTemplate.substr(after_title, at_data - after_title));
  Base64Sink base64(sink);
  GzipSink gzip(base64);
  write_page_data(input, gzip);
  gzip.finish();
  base64.finish();
  sink.write(kPageTemplate.substr(at_data + kDataMark.size()));
}

}  // namespace memtrace
