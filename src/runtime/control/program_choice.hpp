// Which programs are traced, of all that MTRACE reaches: only=GLOB.
#pragma once

#include <cstddef>
#include <string_view>

namespace memtrace::runtime {

// Globs of names: `*`, `?`, `[seq]` and `[!seq]`, byte by byte. They point into what MTRACE said.
class ProgramChoice {
 public:
  // false where there are too many.
  bool add(std::string_view glob);
  // Whether this process' program is one of them: by the name that it was executed by, as %e has
  // it, or by its file's, which is another one where that was a link or a script. Any, where there
  // is no glob.
  [[nodiscard]] bool includes_this() const;
  [[nodiscard]] bool includes(std::string_view name) const;

 private:
  static constexpr std::size_t kMost = 16;
  std::string_view globs_[kMost];
  std::size_t count_ = 0;
};

}  // namespace memtrace::runtime
