// "did you mean" for files.
#pragma once

#include <string>

namespace memtrace {

// What to add to the complaint that `path` cannot be read, where it is not there or is a folder: a
// file with nearly that name, or a snapshot in the folder. Empty where there is none.
std::string input_hint(const std::string& path);

}  // namespace memtrace
