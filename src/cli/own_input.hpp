// Outputs that would replace what they are made from.
#pragma once

#include <span>
#include <string>

namespace memtrace {

// Throws Error where the output is one of the inputs: the same file, under whatever name. Standard
// input and output count by what they are; pipes and devices are never the same.
void refuse_own_input(const std::string& output, std::span<const std::string> inputs);

}  // namespace memtrace
