// One row for every output format.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/report.hpp"
#include "mtrace/snapshot_info.hpp"

namespace memtrace {

// Where text goes. Rendering streams: a report of a million groups is never one string.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(std::string_view text) = 0;
};

// What the user chose about looks.
struct Style {
  bool color = false;
  bool terminal = false;           // a person's terminal: no control character may reach it
  bool plain_bytes = false;        // bytes instead of KiB, MiB (--bytes)
  bool full_names = false;         // of functions, where they are long (--full-names)
  bool most_recent_first = false;  // a traceback's frames; default: oldest first
  std::size_t width = 0;           // columns of the terminal; 0: unlimited
  std::vector<std::string> strip_prefixes = {};
  std::vector<std::string> source_folders = {};  // where source files may be, too
};

struct Renderer {
  std::string_view name;  // the value of --format
  bool limited;           // prints 10 groups unless asked; the others print all
  bool changed_only;      // leaves unchanged groups out of a diff
  void (*top)(const TopReport& report, std::string_view path, const Style& style, Sink& sink);
  void (*diff)(const DiffReport& report, std::string_view before_path, std::string_view after_path,
               const Style& style, Sink& sink);
  void (*info)(const SnapshotInfo& info, std::string_view path, const Style& style, Sink& sink);
};

std::span<const Renderer> renderers();

}  // namespace memtrace
