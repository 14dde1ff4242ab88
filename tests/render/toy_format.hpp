// A format that only the tests have, in one file: a traceback and its bytes a line, root first.
#pragma once

#include <string>

#include "render/location.hpp"
#include "render/renderer.hpp"

namespace memtrace::test {

inline void print_node(const TracebackTree& tree, NodeId node, const std::string& path,
                       const Style& style, SinkBuffer& out) {
  for (NodeId child = tree.first_child(node); child != kNone<NodeId>;
       child = tree.next_sibling(child)) {
    const std::string deeper =
        path + ";" + tracemalloc_name(tree.frame(child), GroupBy::lineno, style);
    out.text() += deeper.substr(1) + " " + std::to_string(tree.own(child).size) + "/" +
                  std::to_string(tree.total(child).size) + "\n";
    out.line_done();
    print_node(tree, child, deeper, style, out);
  }
}

inline void print_folded(const Document& document, const Style& style, Sink& sink) {
  SinkBuffer out(sink);
  print_node(document.tree(), kRoot, "", style, out);
  out.flush();
}

inline constexpr Renderer kFolded = {"folded", false, false, true, print_folded};

}  // namespace memtrace::test
