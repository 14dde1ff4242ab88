// Questions about frames, asked once per distinct file name, function or module; and which blocks
// count: those of frames that match.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "mtrace/selection.hpp"

namespace memtrace {

// The name that patterns are matched against: the file's, or the module's where none is known.
std::string_view filename_or_module(const Tracebacks& tables, const Frame& frame);

// The module's name; for a Python file, the package that its path tells. Empty: not known.
std::string_view module_or_package(const Tracebacks& tables, const Frame& frame);

// Frame -> whether any of the patterns matches it. Each file name meets each pattern once.
IdVector<FrameId, char> match_patterns(const Tracebacks& tables, std::span<const Pattern> patterns);

// Frame -> whether any of the globs matches its function, or its module.
IdVector<FrameId, char> match_functions(const Tracebacks& tables, std::span<const Glob> globs);
IdVector<FrameId, char> match_modules(const Tracebacks& tables, std::span<const Glob> globs);

// Frame -> hidden by --mine; by the allocation machinery's table.
IdVector<FrameId, char> match_system(const Tracebacks& tables);
IdVector<FrameId, char> match_machinery(const Tracebacks& tables);
// Frame -> of an interpreter's own code; run by one, as a line of a program.
IdVector<FrameId, char> match_interpreter(const Tracebacks& tables);
IdVector<FrameId, char> match_interpreted(const Tracebacks& tables);

// Visible node -> whether blocks that belong to it are kept. One pass down the tree: with
// --all-frames, a node inherits what its callers matched.
IdVector<NodeId, char> kept_nodes(const Tracebacks& tables, const Selection& selection);

// Domain -> whether it is kept. Throws Error for a name that is neither well known nor one of
// these.
IdVector<DomainId, char> kept_domains(const IdVector<DomainId, Domain>& domains,
                                      const Selection& selection);

}  // namespace memtrace
