#!/usr/bin/python3
"""What CI systems get from `mtrace check`, read as they read it, and budget files that are damaged.

    tests/cli/check_limits.py --mtrace PATH

golden/check.txt and golden/budgets.txt have every message; here is what no golden file can show.
"""

import argparse
import json
import os
import pickle
import random
import re
import stat
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
sys.path.insert(0, str(ROOT / "tests" / "cli" / "golden"))

from inputs import write_inputs  # noqa: E402
from mtrace_command import Mtrace  # noqa: E402

ODD_NAMES = ("two\nlines.py", "::error::.py", "a,b:c%.py", "tab\t\x1b[31m.py", "日本 <&'\">.py", "lone \udc80.py", "%0A.py")
BUDGETS = b"""# One for each kind of value.
[[budget]]
name = "all"  # of it
reason = "why \\u00e9"
expires = 2999-12-31
include = ["*", "b:3"]
max_size = "10 MiB"
max_count = 1_000

[[budget]]
name = 'lines'
mine = false
per_group = true
max_peak = 0x7fff_ffff
max_size = 2147483647
"""


class Failure(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Failure("\n".join(map(str, what)))


def write_repository(folder):
    """A checkout with a folder, in which the command runs, and a dump with lines inside and outside of it."""
    (folder / ".git").mkdir()
    (folder / "sub").mkdir()
    names = [*ODD_NAMES, *(f"{folder}/lib/file{n}.py" for n in range(20)), "/usr/lib/elsewhere.py", "<frozen os>"]
    traces = [(0, 1000 - n, ((name, n + 1),), 1) for n, name in enumerate(names)]
    (folder / "sub" / "app.pickle").write_bytes(pickle.dumps(tracemalloc.Snapshot(traces, 1)))


def check_annotations(mtrace, folder):
    outcome = mtrace.run("check", "app.pickle", "--max-size", "10", "--per-group", "-n", "0", "-f", "github")
    check(outcome.status == 1 and not outcome.stderr, outcome)
    *annotations, summary = outcome.stdout.decode("utf-8", "surrogateescape").rstrip("\n").split("\n")
    check(summary == "mtrace check: over budget: 1 of 1 limit", outcome)
    check(len(annotations) == 10, outcome)
    for number, annotation in enumerate(annotations):
        match = re.fullmatch(r"::error file=([^,:]+),line=(\d+),title=[^,:]+::[^\r\n]+", annotation)
        check(match, f"annotation {number}: {annotation}")
        path = unquote(match[1])
        check(int(match[2]) == number + 1, f"the worst line is first: {annotation}")
        inside = path.startswith("lib/") if number >= len(ODD_NAMES) else path.startswith("sub/")
        check(inside and ".." not in path.split("/"), f"{annotation}: the file is in the repository")
    elsewhere = mtrace.run("check", "app.pickle", "--max-size", "1", "-i", "/usr/*", "-f", "github")
    check(elsewhere.stdout.startswith(b"::error title=over budget%3A memory::size"), elsewhere)
    within = mtrace.run("check", "app.pickle", "--max-size", "1M", "-f", "github")
    check(within.status == 0 and within.stdout == b"mtrace check: within budget: 1 limit\n", within)


def check_junit(mtrace):
    for arguments, failures in (
        (["app.pickle", "--max-size", "1", "--max-count", "1000"], 1),
        (["app.pickle", "--max-size", "1", "--per-group", "-n", "0"], 1),
        (["app.pickle", "--max-size", "1M"], 0),
        (["new.zst", "--baseline", "old.zst", "--max-growth", "1%", "--fail-on-new", "--max-peak", "1"], 3),
        (["sampled.zst", "--max-size", "1M", "--max-count", "90"], 1),
    ):
        outcome = mtrace.run("check", *arguments, "-f", "junit", "-o", "report.xml")
        check(outcome.status == (1 if failures else 0) and not outcome.stdout, outcome)
        valid = subprocess.run(
            ["xmllint", "--noout", "--schema", ROOT / "testdata" / "junit.xsd", "report.xml"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
        check(valid.returncode == 0, outcome, valid.stderr.decode())
        (suite,) = ElementTree.parse("report.xml").getroot()
        found = suite.findall("testcase/failure")
        check(len(found) == failures == int(suite.get("failures")), outcome, suite.attrib)
        check(int(suite.get("tests")) == len(suite.findall("testcase")), suite.attrib)


def check_benchmarks(mtrace):
    options = ["new.zst", "--baseline", "old.zst", "--max-size", "1M", "--max-growth", "9M", "--fail-on-new"]
    rows = json.loads(mtrace.run("check", *options, "-f", "benchmark").stdout)
    check([row["name"] for row in rows] == ["memory: size", "memory: growth", "memory: new lines"], rows)
    check(all(isinstance(row["value"], int) and isinstance(row["unit"], str) for row in rows), rows)
    metrics = json.loads(mtrace.run("check", *options, "-f", "bmf").stdout)
    check(metrics == {"memory": {row["name"][8:].replace(" ", "-"): {"value": row["value"]} for row in rows}}, metrics)


def check_update(mtrace):
    """The file is replaced whole, keeps its permissions, and is not touched where nothing can be judged."""
    path = Path("mtrace.toml")
    path.write_bytes(BUDGETS)
    path.chmod(0o640)
    before = path.stat()
    for arguments in (["untraced.zst"], ["stuck.zst"], ["app.pickle"], ["new.zst", "--headroom", "much"]):
        outcome = mtrace.run("check", *arguments, "--update")
        check(outcome.status == 2 and not outcome.stdout and outcome.stderr.count(b"\n") == 1, outcome)
        check(path.read_bytes() == BUDGETS and path.stat().st_ino == before.st_ino, outcome)
    outcome = mtrace.run("check", "new.zst", "--update")
    check(outcome.status == 0, outcome)
    expected = BUDGETS.replace(b'"10 MiB"', b'"1.8 MiB"').replace(b"1_000", b"44")
    expected = expected.replace(b"0x7fff_ffff", b"2200000").replace(b"2147483647", b"1430000")
    check(path.read_bytes() == expected, outcome, path.read_text(encoding="utf-8"))
    check(stat.S_IMODE(path.stat().st_mode) == 0o640, oct(path.stat().st_mode))
    check(not [name for name in os.listdir() if name.startswith("mtrace.toml.")], os.listdir())
    path.unlink()


def check_damaged_files(mtrace, rounds):
    """Whatever is in a budget file: an answer, or one line that says where it is wrong."""
    rng = random.Random(14)
    pieces = [b"=", b"[", b"]", b'"', b"'", b"\n", b"#", b"{", b"}", b",", b".", b"\\", b"\xff", b"\0", b"-", b"9" * 30, b"true"]
    for _ in range(rounds):
        data = bytearray(BUDGETS)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            end = at + rng.choice((0, 0, 1, 1, 2, 20))
            data[at:end] = rng.choice((b"", rng.choice(pieces), bytes([rng.randrange(256)]), data[at : at + 40]))
        Path("bad.toml").write_bytes(data)
        outcome = mtrace.run("check", "new.zst", "--budget", "bad.toml", "-f", "csv")
        if outcome.status == 2:
            good = not outcome.stdout and re.match(rb"mtrace: bad\.toml:\d+: [^\n]+\n\Z", outcome.stderr)
        else:
            good = outcome.status in (0, 1) and outcome.stdout.startswith(b"budget,kind,")
        check(good, outcome, bytes(data))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True, help="the command to test")
    parser.add_argument("--fork-server", metavar="LIBRARY", help="load the command once, not for each run")
    parser.add_argument("--rounds", type=int, default=60, help="damaged budget files")
    arguments = parser.parse_args()
    mtrace = Mtrace(arguments.mtrace, arguments.fork_server)
    with tempfile.TemporaryDirectory(prefix="mtrace-check-") as name:
        folder = Path(name).resolve()
        write_repository(folder)
        write_inputs(folder / "sub")
        os.chdir(folder / "sub")
        try:
            check_annotations(mtrace, folder)
            check_junit(mtrace)
            check_benchmarks(mtrace)
            check_update(mtrace)
            check_damaged_files(mtrace, arguments.rounds)
        except Failure as failure:
            print(failure, file=sys.stderr)
            return 1
        finally:
            os.chdir("/")
    print(f"annotations, JUnit, benchmarks and updates are right; {arguments.rounds} damaged budget files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
