#include "read/valgrind_frames.hpp"

#include <limits>

#include "base/utf8.hpp"
#include "read/line_reader.hpp"

namespace memtrace {
namespace {

// Takes ":12" off the end of the text.
bool take_number(std::string_view& text, std::uint32_t& number) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  LinePieces pieces(text.substr(colon + 1));
  std::uint64_t found = 0;
  if (!pieces.decimal(found) || !pieces.empty()) return false;
  if (found > std::numeric_limits<std::int32_t>::max()) return false;
  number = static_cast<std::uint32_t>(found);
  text = text.substr(0, colon);
  return true;
}

// Takes the place, in brackets, off the end of the text.
void take_place(std::string_view& text, ValgrindFrame& frame) {
  constexpr std::string_view kIn = " (in ";
  if (!text.ends_with(')')) return;
  if (const std::size_t in = text.rfind(kIn); in != std::string_view::npos) {
    frame.module = text.substr(in + kIn.size(), text.size() - in - kIn.size() - 1);
    text = text.substr(0, in);
    return;
  }
  const std::size_t open = text.rfind(" (");
  if (open == std::string_view::npos) return;
  std::string_view filename = text.substr(open + 2, text.size() - open - 3);
  if (!take_number(filename, frame.lineno)) return;
  static_cast<void>(take_number(filename, frame.lineno));  // Rust's say the column, too
  frame.filename = filename;
  text = text.substr(0, open);
}

}  // namespace

std::optional<ValgrindFrame> parse_valgrind_frame(std::string_view text) {
  ValgrindFrame frame;
  if (!text.starts_with("0x")) return std::nullopt;
  const std::size_t colon = text.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  frame.address = text.substr(2, colon - 2);
  text.remove_prefix(colon + 2);
  take_place(text, frame);
  if (text != "???") frame.function = text;
  return frame;
}

FrameId add_frame(const ValgrindFrame& frame, const ValgrindFrame* caller,
                  TracebackBuilder& builder) {
  const auto string = [&](std::string_view text) {
    return text.empty() ? kNone<StringId> : builder.string(as_utf8(text));
  };
  Frame added{.filename = string(frame.filename),
              .lineno = frame.lineno,
              .function = string(frame.function)};
  if (!frame.module.empty()) {
    added.module = builder.module({.name = string(frame.module), .build_id = {}});
  }
  // Recursion has the same address, too, and then all the rest is the same.
  const bool is_other =
      caller != nullptr && (frame.function != caller->function || frame.lineno != caller->lineno);
  if (is_other && frame.address == caller->address && !frame.address.empty()) {
    added.kind = FrameKind::inlined;
  }
  return builder.frame(added);
}

}  // namespace memtrace
