#!/usr/bin/env python3
"""Programs under `mtrace run`, with libc's allocator and with others: known leaks are found to the byte.

    tests/runtime/traced_programs.py --mtrace PATH --program PATH --plugin PATH --plugin PATH --scenarios PATH --dlsym PATH
"""

import argparse
import os
import sys
import tempfile

from tracing import Tracing

ALLOCATORS = ("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2")
LIBRARIES = "/usr/lib/x86_64-linux-gnu"

# function: (bytes, blocks) that are alive in the end
KNOWN = {
    "leak_in_coroutine": (3333, 3), "leak_in_thread": (200 * 222, 200), "leak_by_realloc": (7000, 1),
    "leak_aligned": (555, 1), "leak_before_main": (11, 1), "leak_after_main": (12, 1), "leak_at_exit": (13, 1),
    "leak_with_thread": (14, 1), "leak_on_alternate_stack": (15, 1), "leak_in_vfork_child": (16, 1),
    "leak_after_exceptions": (17, 1), "leak_on_own_stack": (18, 1),
}  # fmt: skip
# The same with --mmap.
MAPPED = {"leak_mappings": (5 * 4096, 2), "leak_moved_mapping": (6 * 4096, 1)}
# Those whose stack is another one than their caller's, but has main() at its end all the same.
CALLED_FROM_MAIN = ("leak_on_alternate_stack", "leak_in_vfork_child", "leak_on_own_stack")
PLUGIN_BLOCKS = (333, 444)


def check_known_leaks(tracer, program, plugins, environment=None, what="libc", mapped=False):
    known = KNOWN | MAPPED if mapped else KNOWN
    outcome = tracer.run([program, *plugins], *(["--mmap"] if mapped else []), env=environment)
    tracer.expect((outcome.returncode, outcome.stdout) == (0, b"done\n"), f"{what}: {outcome}")
    report = tracer.top("--group-by", "traceback")
    losses = report["snapshot"]["losses"]
    tracer.expect(losses["dropped_blocks"] == 0, f"{what}: {losses}")
    found = {}
    for statistic in report["statistics"]:
        functions = {frame["function"] for frame in statistic["traceback"]}
        lost = functions.intersection(CALLED_FROM_MAIN) and "main" not in functions
        tracer.expect(not lost, f"{what}: not from main: {statistic}")
        for frame in statistic["traceback"]:
            if frame["function"] in {*known, *MAPPED, "plugin_leak"}:
                key = (frame["function"], os.path.basename(frame["module"] or ""))
                size, count = found.get(key, (0, 0))
                found[key] = size + statistic["size"], count + statistic["count"]
    expected = {(name, os.path.basename(program)): amount for name, amount in known.items()}
    for path, block in zip(plugins, PLUGIN_BLOCKS):
        expected["plugin_leak", os.path.basename(path)] = 10 * block, 10
    tracer.expect(found == expected, f"{what}: found {found}, not {expected}")


def check_other_allocators(tracer, program, plugins, scenarios):
    for name in ALLOCATORS:
        path = os.path.join(LIBRARIES, name)
        if not os.path.exists(path):
            continue
        environment = {**os.environ, "LD_PRELOAD": path}
        check_known_leaks(tracer, program, plugins, environment, name)
        outcome = tracer.run([scenarios, "malloc", "moves", "operators"], env=environment)
        tracer.expect((outcome.returncode, outcome.stderr) == (0, b""), f"{name}: {outcome}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--plugin", action="append", required=True)
    parser.add_argument("--scenarios", required=True)
    parser.add_argument("--dlsym", required=True, help="a library whose dlsym() allocates")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-traced-") as folder:
        tracer = Tracing(arguments.mtrace, folder)
        program, plugins = arguments.program, arguments.plugin

        def libc():
            check_known_leaks(tracer, program, plugins)

        def mappings():
            check_known_leaks(tracer, program, plugins, what="mappings", mapped=True)

        def other_allocators():
            check_other_allocators(tracer, program, plugins, arguments.scenarios)

        def allocating_dlsym():
            check_known_leaks(tracer, program, plugins, {**os.environ, "LD_PRELOAD": arguments.dlsym}, "dlsym")

        return tracer.status(libc, mappings, other_allocators, allocating_dlsym)


if __name__ == "__main__":
    sys.exit(main())
