// Why snapshots hold nothing, where they do.
#pragma once

#include <string>

#include "cli/run_report.hpp"

namespace memtrace {

// One sentence, with what to do about it; empty where something was traced, or nothing written.
// `name` is the program as it was typed.
std::string why_nothing_was_seen(const std::string& name, const RunReport::Content& content);

}  // namespace memtrace
