#!/usr/bin/env python3
"""Programs under `mtrace run`: known leaks are found to the byte, and real programs print what they always print.

    tests/runtime/traced_programs.py --mtrace PATH --program PATH --plugin PATH --plugin PATH
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

SECONDS = 60
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


class Tracer:
    def __init__(self, mtrace, folder):
        self.mtrace, self.folder = mtrace, folder
        self.snapshot = os.path.join(folder, "x.zst")
        self.problems = []

    def run(self, command, *options, environment=None):
        traced = [self.mtrace, "run", *options, "-o", self.snapshot, "--", *command]
        return subprocess.run(traced, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL, env=environment)

    def top(self, *options):
        command = [self.mtrace, "top", self.snapshot, "--format", "json", *options]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=SECONDS).stdout)

    def expect(self, condition, what):
        if not condition:
            self.problems.append(what)


def check_known_leaks(tracer, program, plugins, environment=None, what="libc", mapped=False):
    known = KNOWN | MAPPED if mapped else KNOWN
    outcome = tracer.run([program, *plugins], *(["--mmap"] if mapped else []), environment=environment)
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


def real_programs(folder):
    """Command lines of Debian's programs, as far as they are installed, that print the same each time."""
    data = os.path.join(folder, "data.json")
    with open(data, "w", encoding="ascii") as file:
        json.dump([{"a": i, "b": ["x" * (i % 50)] * 3} for i in range(2000)], file)
    table = "with recursive c(x) as (select 1 union all select x+1 from c where x<5000) "
    candidates = (
        ["sqlite3", ":memory:", table + "select sum(length(hex(x))), count(*), group_concat(x) from c;"],
        ["jq", "-c", "map(.b | length)", data],
        ["/usr/bin/python3", "-c", "import ast, json; print(len(ast.dump(ast.parse(open(ast.__file__).read()))))"],
        ["git", "--version"],
        ["xmllint", "--version"],
        ["perl", "-e", "my %h; $h{$_} = 'x' x $_ for 1..500; print join(',', sort keys %h)"],
        ["sort", "-r", data],
        ["sh", "-c", "echo $0 $PATH $LD_PRELOAD $MTRACE; exit 7"],
        ["env"],
    )
    return [command for command in candidates if shutil.which(command[0])]


def check_real_programs(tracer, folder):
    for command in real_programs(folder):
        plain = subprocess.run(command, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
        for options in ([], ["--sample", "64KiB"], ["--mmap"], ["--nframe", "1"]):
            traced = tracer.run(command, *options)
            same = (traced.returncode, traced.stdout, traced.stderr) == (plain.returncode, plain.stdout, plain.stderr)
            tracer.expect(same, f"{command} with {options}: {traced}, not {plain}")


def check_other_allocators(tracer, program, plugins):
    for name in ALLOCATORS:
        path = os.path.join(LIBRARIES, name)
        if os.path.exists(path):
            check_known_leaks(tracer, program, plugins, {**os.environ, "LD_PRELOAD": path}, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--plugin", action="append", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-traced-") as folder:
        tracer = Tracer(arguments.mtrace, folder)
        check_known_leaks(tracer, arguments.program, arguments.plugin)
        check_known_leaks(tracer, arguments.program, arguments.plugin, what="mappings", mapped=True)
        check_other_allocators(tracer, arguments.program, arguments.plugin)
        check_real_programs(tracer, folder)
    for problem in tracer.problems:
        print(problem)
    print(f"{len(tracer.problems)} problems")
    return 1 if tracer.problems else 0


if __name__ == "__main__":
    sys.exit(main())
