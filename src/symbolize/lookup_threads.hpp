// Looking up many modules on all cores.
#pragma once

#include <span>

#include "mtrace/symbolize.hpp"
#include "symbolize/module_lookup.hpp"

namespace memtrace {

// Answers all requests. A module is opened when no part of one that is open is left to do, so that
// hardly more of them than there are threads are in memory at once. Throws what a thread threw.
void look_up(std::span<ModuleRequest> requests, const SymbolizeOptions& options,
             DebugServers& servers, Names& names);

}  // namespace memtrace
