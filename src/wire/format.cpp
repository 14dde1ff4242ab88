#include "wire/format.hpp"

namespace memtrace::wire {

std::string_view name_of(Section section) {
  static constexpr std::array<std::string_view, 24> kNames = {"unknown",
                                                              "metadata",
                                                              "strings",
                                                              "modules",
                                                              "frames",
                                                              "nodes",
                                                              "domains",
                                                              "row nodes",
                                                              "row domains",
                                                              "live sizes",
                                                              "live counts",
                                                              "peak sizes",
                                                              "peak counts",
                                                              "total sizes",
                                                              "total counts",
                                                              "timeline",
                                                              "end",
                                                              "live size variances",
                                                              "live count variances",
                                                              "peak size variances",
                                                              "peak count variances",
                                                              "total size variances",
                                                              "total count variances",
                                                              "memory timeline"};
  const auto index = static_cast<std::size_t>(section);
  return kNames[index < kNames.size() ? index : 0];
}

}  // namespace memtrace::wire
