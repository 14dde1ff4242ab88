#include <array>

#include "render/formats.hpp"
#include "render/renderer.hpp"

namespace memtrace {

std::span<const Renderer> renderers() {
  static constexpr std::array kRenderers = {
      // name, limited, changed_only, top, diff, info
      Renderer{"table", true, true, top_as_table, diff_as_table, info_as_table},
      Renderer{"text", true, false, top_as_text, diff_as_text, nullptr},
      Renderer{"json", false, false, top_as_json, diff_as_json, info_as_json},
      Renderer{"csv", false, false, top_as_csv, diff_as_csv, nullptr},
      Renderer{"markdown", true, true, top_as_markdown, diff_as_markdown, nullptr},
  };
  return kRenderers;
}

}  // namespace memtrace
