// The source files of a unit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mtrace/ids.hpp"
#include "symbolize/line_header.hpp"
#include "symbolize/names.hpp"

namespace memtrace {

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
