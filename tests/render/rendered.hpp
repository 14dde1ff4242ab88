// What a format prints, as one string.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "render/renderer.hpp"

namespace memtrace::test {

class StringSink : public Sink {
 public:
  void write(std::string_view text) override { text_ += text; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline const Renderer& renderer_named(std::string_view name) {
  const auto all = renderers();
  return *std::find_if(all.begin(), all.end(),
                       [&](const Renderer& renderer) { return renderer.name == name; });
}

inline std::string rendered(std::string_view format, const TopReport& report,
                            const Style& style = {}) {
  StringSink sink;
  renderer_named(format).top(report, "app.zst", style, sink);
  return sink.text();
}

inline std::string rendered(std::string_view format, const DiffReport& report,
                            const Style& style = {}) {
  StringSink sink;
  renderer_named(format).diff(report, "old.zst", "new.zst", style, sink);
  return sink.text();
}

inline std::string rendered(std::string_view format, const SnapshotInfo& info,
                            const Style& style = {}) {
  StringSink sink;
  renderer_named(format).info(info, "app.zst", style, sink);
  return sink.text();
}

}  // namespace memtrace::test
