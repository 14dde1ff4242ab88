// The source files of a unit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/ids.hpp"
#include "symbolize/line_program.hpp"
#include "symbolize/names.hpp"

namespace memtrace {

// Without "//", "/./" and "/x/..": compilers write paths as they were given them, and one file
// should have one name. A path stays absolute or relative as it is.
std::string tidy_path(std::string_view path);

// Files by number, as paths of the model; each is made when it is asked for first.
class UnitFiles {
 public:
  // `folder` is where the compiler ran.
  UnitFiles(const LineHeader& header, std::string folder, Names& names)
      : header_(header), folder_(std::move(folder)), names_(names) {}

  // kNone where there is no such file.
  StringId operator[](std::uint64_t number);

 private:
  [[nodiscard]] std::string path_of(std::size_t number) const;
  [[nodiscard]] std::string whole_path(const std::string& path) const;

  const LineHeader& header_;
  std::string folder_;
  Names& names_;
  std::vector<StringId> known_;
};

}  // namespace memtrace
