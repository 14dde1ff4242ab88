#!/usr/bin/env python3
"""Anonymous mappings under `mtrace run --mmap`: what can be touched is counted, to the page.

    tests/runtime/mappings.py --mtrace PATH --program PATH
"""

import argparse
import sys
import tempfile

from tracing import Tracing

PAGE = 4096
# function: (pages, mappings) of which it can touch something in the end; all others have none
KNOWN = {
    "commit_some_of": (6, 3), "commit_page_by_page": (10, 1), "main": (3, 1), "commit_again": (1, 1), "guard_in_the_middle": (6, 2),
    "give_back": (3, 1), "keep_in_spite_of_advice": (8, 1), "share": (4, 1), "unmap_parts": (10, 3), "unmap_in_vain": (7, 1),
    "unmap_across": (6, 2), "replace": (3, 1), "move_with_a_hole": (4, 2), "grow_and_shrink": (11, 1), "map_to_move": (5, 1),
    "move_away": (3, 1),
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-mappings-") as folder:
        tracer = Tracing(arguments.mtrace, folder)

        def mappings():
            outcome = tracer.run([arguments.program], "--mmap")
            tracer.expect((outcome.returncode, outcome.stdout) == (0, b"done\n"), outcome)
            found = {}
            for statistic in tracer.top("--domain", "mmap", "--group-by", "function")["statistics"]:
                if statistic["size"] or statistic["count"]:
                    name = statistic["traceback"][0]["function"].rpartition("::")[2]
                    found[name] = statistic["size"] // PAGE, statistic["count"]
            for name in sorted({*KNOWN, *found}):
                have, want = found.get(name), KNOWN.get(name)
                tracer.expect(have == want, f"{name}: {have}, not {want}")

        def without_the_option():
            outcome = tracer.run([arguments.program])
            tracer.expect((outcome.returncode, outcome.stdout) == (0, b"done\n"), outcome)
            tracer.expect(tracer.top("--domain", "mmap")["statistics"] == [], "mappings without --mmap")

        return tracer.status(mappings, without_the_option)


if __name__ == "__main__":
    sys.exit(main())
