#include "cli/kept_snapshots.hpp"

#include <sys/stat.h>

#include <map>
#include <set>

#include "cli/earlier_runs.hpp"

namespace memtrace {
namespace {

bool is_regular_file(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

std::vector<KeptSnapshot> kept_snapshots(const RunReport::Content& content, pid_t first_process,
                                         std::uint64_t numbers_before) {
  std::map<std::string, std::size_t> last_of_name;
  for (std::size_t i = 0; i < content.snapshots.size(); ++i) {
    if (content.snapshots[i].error == 0) last_of_name[content.snapshots[i].path] = i;
  }
  std::map<pid_t, std::uint64_t> numbers = {{first_process, numbers_before}};
  std::vector<KeptSnapshot> kept;
  for (std::size_t i = 0; i < content.snapshots.size(); ++i) {
    const RunReport::Snapshot& snapshot = content.snapshots[i];
    const std::uint64_t number = ++numbers[snapshot.process];
    if (snapshot.error != 0) continue;
    const bool is_newest = last_of_name[snapshot.path] == i;
    std::string path = is_newest ? snapshot.path : earlier_path(snapshot.path, number);
    if (is_regular_file(path)) kept.push_back({snapshot.process, std::move(path)});
  }
  return kept;
}

}  // namespace memtrace
