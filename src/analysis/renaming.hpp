// Other names for frames' files and functions.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/selection.hpp"
#include "mtrace/snapshot_builder.hpp"

namespace memtrace {

// Whether the path is the folder or in it.
bool is_below(std::string_view path, std::string_view folder);

// The file name with its leading folder replaced, by the last rule that fits.
std::string mapped_filename(std::string_view filename, std::span<const PrefixMap> rules);

// Frames of some tables, as frames of a builder that has the same strings and more. Each distinct
// name is made once.
class FrameRenaming {
 public:
  using Rename = std::function<std::string(std::string_view)>;

  // Empty functions change nothing.
  FrameRenaming(Rename filename, Rename function)
      : filename_(std::move(filename)), function_(std::move(function)) {}

  Frame operator()(Frame frame, TracebackBuilder& builder);

 private:
  class Names {
   public:
    explicit Names(Rename rename) : rename_(std::move(rename)) {}
    StringId operator()(StringId name, TracebackBuilder& builder);

   private:
    Rename rename_;
    std::vector<StringId> renamed_;  // by the old id; kNone: not yet
  };

  Names filename_, function_;
};

// Names of functions without the arguments of templates and generics: the same for all instances of
// a C++ template or a generic function of Rust: "Table<int>::put(int const&)" is "Table::put".
// Parameters go where the function or its class is an instance, because they differ then; elsewhere
// they stay, without arguments of their own: "draw(std::vector const&)". Names in which brackets
// have another meaning ("operator<<", "operator->", "{lambda(int)#1}", Rust's "<A as B>::c",
// Python's "<module>") keep those. What does not look like a name at all is returned as it is.
std::string without_template_arguments(std::string_view function);

}  // namespace memtrace
