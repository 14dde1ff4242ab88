// Which blocks count: include, exclude, function, module and domain.
#pragma once

#include "mtrace/selection.hpp"

namespace memtrace {

// Visible node -> whether blocks that belong to it are kept. One pass down the tree: with
// --all-frames, a node inherits what its callers matched.
IdVector<NodeId, char> kept_nodes(const Tracebacks& tables, const Selection& selection);

// Domain -> whether it is kept. Throws Error for a name that is neither well known nor one of
// these.
IdVector<DomainId, char> kept_domains(const IdVector<DomainId, Domain>& domains,
                                      const Selection& selection);

}  // namespace memtrace
