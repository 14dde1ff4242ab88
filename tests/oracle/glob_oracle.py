#!/usr/bin/python3
"""Compares mtrace's globs with Python's fnmatch, hundreds of thousands of times.

One run of the command matches many globs with many names: the snapshot holds every name at lines 1 to N,
and the pattern number L is GLOB:L. So the block at (NAME, L) is kept when glob number L matches NAME.
"""

import argparse
import fnmatch
import os
import random
import re
import sys
import tempfile
import tracemalloc
import warnings
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
warnings.simplefilter("ignore", FutureWarning)  # re warns of globs such as [[a]

from conversions import write_dump  # noqa: E402
from expectations import is_filter_warning  # noqa: E402
from mtrace_command import Mtrace  # noqa: E402
from random_selections import ODD_GLOBS, ODD_SETS, random_glob, usable  # noqa: E402
from random_snapshots import ODD_NAMES, random_name  # noqa: E402

GLOBS_A_RUN = 400
SHORT_NAMES = (
    *"ab-c!]^[\\&~|.é z019/*?:\n", "ab", "a-", "-a", "a!", "]a", "[a]", "aa", "^a", "!a", "b-a", "a]", "\\a", "a.py",
)  # fmt: skip
# Only these bytes reach a pattern as they are; the command line has no other way to say them.
RAW_BYTES = ("\udc80", "\udcff", "a\udcfe*", "[\udc80-\udcff]", "*\udc80")


def names_for(rng):
    made = [random_name(rng, 1.0) for _ in range(40)]
    return list(dict.fromkeys([*SHORT_NAMES, *rng.sample(ODD_NAMES, 50), *made]))


def globs_for(rng, names):
    fixed = [*ODD_GLOBS, *ODD_SETS, *(f"*{odd}*" for odd in ODD_SETS), *(f"a{odd}" for odd in ODD_SETS)]
    made = [random_glob(rng, names) for _ in range(GLOBS_A_RUN)]
    return [usable(glob) for glob in (rng.sample(fixed, 150) + made)[:GLOBS_A_RUN]]


def argument(rng, option, glob, line):
    """A lone surrogate in a glob stands for itself in UTF-8, or for a byte that is no UTF-8."""
    errors = "surrogateescape" if glob in RAW_BYTES and rng.random() < 0.5 else "surrogatepass"
    return f"--{option}={glob}:{line}".encode("utf-8", errors)


def expected_matches(globs, names):
    """{(name, line)}, as tracemalloc's Filter decides it."""
    filters = [tracemalloc.Filter(True, glob) for glob in globs]
    return {(name, line) for line, f in enumerate(filters, start=1) for name in names if f._match_frame_impl(name, 0)}


def kept_by(mtrace, arguments, path, named, unmatched):
    """Of the patterns, `unmatched` match no name: so many warnings, one each, and nothing else, are expected."""
    outcome = mtrace.run("top", "--format=csv", *arguments, path)
    warnings = outcome.stderr.splitlines()
    if outcome.status != 0 or len(warnings) != unmatched or not all(map(is_filter_warning, warnings)):
        raise SystemExit(f"{unmatched} warnings were expected: {outcome}")
    # Sizes tell names apart without parsing them: the name number n has blocks of 2^20·n + line bytes.
    rows = re.findall(rb"^\d+,(\d+),1,", outcome.stdout, re.MULTILINE)
    return {(named[int(size) >> 20], int(size) & 0xFFFFF) for size in rows}


def compare(mtrace, rng, folder):
    """Returns (how many were compared, descriptions of differences)."""
    names = names_for(rng)
    globs = globs_for(rng, names) + list(RAW_BYTES)
    lines = range(1, len(globs) + 1)
    traces = [
        (0, (number << 20) + line, ((name, line),), 1) for number, name in enumerate(names) for line in lines
    ]
    path = write_dump(os.path.join(folder, "names"), tracemalloc.Snapshot(traces, 1))
    expected = expected_matches(globs, names)
    differences = []
    for option, wanted in (("include", expected), ("exclude", {(n, l) for n in names for l in lines} - expected)):
        arguments = [argument(rng, option, glob, line) for line, glob in enumerate(globs, start=1)]
        actual = kept_by(mtrace, arguments, path, names, len(globs) - len({line for _, line in expected}))
        for name, line in sorted(actual ^ wanted):
            verb = "matches" if (name, line) in expected else "does not match"
            differences.append(
                f"glob {globs[line - 1]!r} {verb} {name!r} in Python, not so in mtrace (--{option}; "
                f"regular expression {fnmatch.translate(globs[line - 1])})"
            )
    return 2 * len(names) * len(globs), differences


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    parser.add_argument("--fork-server", metavar="LIBRARY", help="load the command once, not for each run")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    mtrace = Mtrace(arguments.mtrace, arguments.fork_server)
    compared, differences = 0, []
    with tempfile.TemporaryDirectory(prefix="mtrace-globs-") as folder:
        for number in range(arguments.rounds):
            some, found = compare(mtrace, random.Random(arguments.seed * 1000 + number), folder)
            compared += some
            differences += found
    for difference in differences[:20]:
        print(difference)
    print(f"{compared} cases, {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
