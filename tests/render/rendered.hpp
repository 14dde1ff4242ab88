// What a format prints, as one string.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "mtrace/selection.hpp"
#include "render/layout.hpp"
#include "render/renderer.hpp"

namespace memtrace::test {

class StringSink : public Sink {
 public:
  void write(std::string_view text) override { text_ += text; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline Selection grouped_by(GroupBy group_by) {
  Selection selection;
  selection.group_by = group_by;
  return selection;
}

inline std::string rendered(std::string_view format, const Document& document,
                            const Style& style = {}) {
  StringSink sink;
  const auto all = renderers();
  const auto renderer = std::find_if(all.begin(), all.end(),
                                     [&](const Renderer& each) { return each.name == format; });
  render(*renderer, document, style, sink);
  return sink.text();
}

inline std::string rendered(std::string_view format, const TopReport& report,
                            const Style& style = {}) {
  return rendered(format, lay_out(report, "app.zst"), style);
}

inline std::string rendered(std::string_view format, const DiffReport& report,
                            const Style& style = {}) {
  return rendered(format, lay_out(report, "old.zst", "new.zst"), style);
}

inline std::string rendered(std::string_view format, const SnapshotInfo& info,
                            const Style& style = {}) {
  return rendered(format, lay_out(info, "app.zst"), style);
}

}  // namespace memtrace::test
