#include <doctest/doctest.h>

#include "render/rendered.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace {
namespace {

using test::rendered;
using test::snapshot_of;

TEST_CASE("top is a table") {
  const Snapshot snapshot = snapshot_of("0 2048 2 <a|b>`.py:1@f\n0 100 3 c.py:2\n");
  CHECK(rendered("markdown", top(snapshot, {}, {.limit = 1})) ==
        "### Memory\n"
        "\n"
        "**live: 2.1 KiB in 5 blocks, 2 groups by lineno**\n"
        "\n"
        "- `app.zst` (mtrace snapshot)\n"
        "\n"
        "| Size | % | Share | Count | Average | Location |\n"
        "| ---: | ---: | :--- | ---: | ---: | :--- |\n"
        "| 2.0 KiB | 95.3% | █████████▌ | 2 | 1.0 KiB | <code>&lt;a&#124;b&gt;&#96;.py:1</code> in "
        "`f` |\n"
        "\n"
        "… 1 more: 100 B (4.7%)\n"
        "\n");
}

TEST_CASE("a difference says its result first") {
  const Snapshot before = snapshot_of("0 1000 3 gone.py:2\n0 1000 1 same.py:1\n");
  const Snapshot after = snapshot_of("0 1000 1 same.py:1\n0 2000 2 new.py:1\n");
  const DiffRanking ranking{.sort = DiffSort::size_diff, .changed_only = true};
  CHECK(rendered("markdown", diff(before, after, {}, ranking)) ==
        "### Memory: what changed\n"
        "\n"
        "**before 2.0 KiB, after 2.9 KiB, change +1000 B (+50.0%)**\n"
        "\n"
        "**`new.py:1` grew by 2.0 KiB, all others shrank by 1000 B**\n"
        "\n"
        "- before: `old.zst` (mtrace snapshot)\n"
        "- after: `new.zst` (mtrace snapshot)\n"
        "- live: 3 groups by lineno\n"
        "\n"
        "| Size diff | Growth | Size | Count diff | Count | Location |\n"
        "| ---: | :--- | ---: | ---: | ---: | :--- |\n"
        "| +2.0 KiB | ██████████ | 2.0 KiB | +2 | 2 | **new** `new.py:1` |\n"
        "| -1000 B | ░░░░░ | 0 B | -3 | 0 | **gone** `gone.py:2` |\n"
        "\n"
        "groups: 1 added, 1 removed, 0 grown, 0 shrunk, 1 unchanged\n");
}

TEST_CASE("tracebacks fold away under the frame that allocated") {
  const Snapshot snapshot = snapshot_of("0 2048 2 main.py:1 </summary>.py:2@f\n");
  Selection selection;
  selection.group_by = GroupBy::traceback;
  CHECK(rendered("markdown", top(snapshot, selection))
            .ends_with("<details>\n"
                       "<summary><b>2.0 KiB</b> (100.0%) in 2 blocks: "
                       "<code>&lt;/summary&gt;.py:2</code> in <code>f</code></summary>\n"
                       "\n"
                       "1. `main.py:1`\n"
                       "2. <code>&lt;/summary&gt;.py:2</code> in `f`\n"
                       "\n"
                       "</details>\n"
                       "\n"));
}

TEST_CASE("nothing to show is said") {
  const Snapshot nothing = snapshot_of("");
  CHECK(rendered("markdown", top(nothing, {})).ends_with("\n\nno memory blocks\n\n"));
}

}  // namespace
}  // namespace memtrace
