#!/usr/bin/env python3
"""Runs every command line that the README and the manual pages show, and compares the output.

    tests/docs/run_examples.py --mtrace PATH [--update] [PAGE...]

Each page's commands run one after the other in a folder of their own that holds the example inputs.
Output is standard output and standard error together, and must be the same to the byte (but a line
may end in CR LF), except for what no two runs have in common: see SAME. A command may fail only where
the page shows its status, with `echo $?` as the next command. Commands inside a sentence or a table
(`mtrace ...`) must run too. With --update the pages get the output that there is now.
"""

import argparse
import difflib
import gzip
import os
import pathlib
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tracemalloc

import pages

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECONDS = 180
# Ends each command's output, with its status.
MARK = "\x1e"

# What the folder is called on the pages.
SHOWN_FOLDER = "/home/ada/shop"
# What differs from run to run, or from machine to machine: process ids, hosts, times, and how much of
# the C library's inside its debug symbols show.
SAME = [
    (re.compile(r"\bpid \d+ on [\w.`-]+, taken [-\d]+ [:\d]+ UTC, [\d.]+ \S+ after the start"), "pid P on H, taken T"),
    (re.compile(r"\bpid \d+, taken [-\d]+ [:\d]+ UTC"), "pid P, taken T"),
    (re.compile(r", \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)"), ", T)"),
    (re.compile(r"(, held [\d.]+ \w+)?, resident [\d.]+ \w+;"), ", resident N;"),
    (re.compile(r"^((?:- )?(?:selection: .*; )?hidden .*: )[\d,]+ frames?"), r"\1N frames"),
    (re.compile(r"/tmp/tmp\.\w{10}\b"), "/tmp/tmp.N"),
    (re.compile(r"( → held by \w+ [\d.]+ \w+)? → resident [\d.]+ \w+"), " → resident N"),
    (re.compile(r"(, held by \w+ [-+][\d.]+ \w+)?, resident [-+][\d.]+ \w+"), ", resident N"),
    (re.compile(r"[\d.]+ MiB are free in glibc's arenas"), "N are free in glibc's arenas"),
    (re.compile(r"^((\d+ (passed|failed)(, )?)+) in [\d.]+s"), r"\1 in N s"),
]

# Runs each argument as a command line, all in one shell.
SESSION = r"""
set -o pipefail
for command; do
  eval "$command"
  status=$?
  printf '\036%d\036' "$status"
  (exit "$status")
done
"""


def prepare(folder, mtrace, files):
    """Lays out what the examples need: mtrace on PATH, snapshots, programs, and a page's own files."""
    (folder / "bin").mkdir()
    (folder / "bin" / "mtrace").symlink_to(mtrace)
    work = folder / "work"
    shutil.copytree(
        ROOT / "tests" / "demo", work, ignore=shutil.ignore_patterns("run", "__pycache__")
    )
    for snapshot in sorted((ROOT / "testdata" / "readme").iterdir()):
        data = snapshot.read_bytes()
        if snapshot.suffix == ".gz":
            (work / snapshot.stem).write_bytes(gzip.decompress(data))
        else:
            (work / snapshot.name).write_bytes(data)
    # Of two processes of one program.
    shutil.copy(work / "before.pickle", work / "worker-1.pickle")
    shutil.copy(work / "after.pickle", work / "worker-2.pickle")
    write_night(work / "night")
    # Of other profilers.
    for name in ("heap", "before", "after"):
        shutil.copy(ROOT / "testdata" / "pprof" / "go-heap.pb.gz", work / f"{name}.pb.gz")
    foreign = ROOT / "testdata" / "foreign"
    for source, names in (
        ("heaptrack.zst", ("heaptrack.app.zst", "heaptrack.old.zst")),
        ("jemalloc.heap", ("app.heap", "before.heap", "after.heap")),
        ("gperftools.heap", ("app.0001.heap", "app.0002.heap", "app.0003.heap")),
        ("dhat.json", ("dhat.out.json", "before.json", "after.json")),
        ("massif.out", ("massif.out", "before.out", "after.out")),
        ("memray.csv", ("memray.csv",)),
    ):
        for name in names:
            shutil.copy(foreign / source, work / name)
    # For commands in sentences: any program will do.
    (work / "app").symlink_to("/usr/bin/sort")
    (work / "app.py").write_text("print(len('mtrace'))\n", encoding="utf-8")
    for file, text in files.items():
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        (work / file).write_text(text, encoding="utf-8")
    begin_pull_request(work)
    return work


def write_night(folder):
    """Of one program, every half hour: a leak, a cache that fills, and what stays."""
    folder.mkdir()
    for number in range(20):
        blocks = (
            (100 + 9 * number + number % 3, 4096, "shop/sessions.py", 38),
            (int(600 * (1 - 0.75**number)), 1024, "shop/pages.py", 12),
            (50, 16384, "shop/database.py", 9),
        )
        traces = [(0, size, ((file, line),), 1) for count, size, file, line in blocks for _ in range(count)]
        (folder / f"shop.{number}.pickle").write_bytes(pickle.dumps(tracemalloc.Snapshot(traces, 1)))


def begin_pull_request(work):
    """Makes the folder a git repository, in which a branch changes statement.cpp."""
    settings = ["-c", "user.name=ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    for arguments in (
        ["init", "--quiet"],
        ["add", "statement.cpp", "Makefile"],
        ["commit", "--quiet", "--message", "Begin"],
        ["switch", "--quiet", "--create", "median"],
        ["apply", "median.patch"],
        ["commit", "--quiet", "--all", "--message", "Say what a product usually costs"],
    ):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(work)}
        subprocess.run(["git", *settings, *arguments], cwd=work, env=environment, check=True)


def end_group(process):
    """Also what an example left running in the background."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(commands, files, mtrace):
    """What each command printed, and its status."""
    with tempfile.TemporaryDirectory(prefix="mtrace-examples-") as name:
        folder = pathlib.Path(name)
        work = prepare(folder, mtrace, files)
        environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        environment |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        # Where the build has the Python package.
        environment |= {
            "HOME": str(work),
            "PYTHONPATH": str(mtrace.parent / "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with open(folder / "output", "w+b") as output:
            process = subprocess.Popen(
                ["bash", "-c", SESSION, "session", *commands],
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                process.wait(SECONDS)
            finally:
                end_group(process)
                process.wait()
            output.seek(0)
            text = output.read().decode("utf-8", "surrogateescape")
        text = text.replace("\r\n", "\n").replace(str(work), SHOWN_FOLDER)
    parts = text.split(MARK)
    results = list(zip(parts[0::2], map(int, parts[1::2])))
    if len(results) != len(commands):
        raise SystemExit(f"the shell ended with {commands[len(results)]}: {parts[-1]}")
    return results


def lines_of(text):
    """Lines without their ends; a last line without an end says so, as it cannot be shown."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], lines[-1] + "\\ no end of line"]


def same(lines):
    """The lines without what differs from run to run."""
    for pattern, text in SAME:
        lines = [pattern.sub(text, line) for line in lines]
    return lines


def shows_status(block, index):
    return index + 1 < len(block.examples) and block.examples[index + 1].command == "echo $?"


def check(page, mtrace, update):
    """Runs a page's commands and returns what is wrong: (line number, text)."""
    problems = list(page.problems)
    examples = page.examples()
    inline = list(page.inline_commands())
    if not any("mtrace " in example.command for example in examples):
        problems.append((1, "this page shows no example"))
    results = run([e.command for e in examples] + [command for _, command in inline], page.files(), mtrace)

    allowed = [shows_status(block, i) for block in page.blocks for i in range(len(block.examples))]
    for example, may_fail, (text, status) in zip(examples, allowed, results):
        if status != 0 and not may_fail:
            problems.append((example.line, f"status {status}: {example.command}\n{text}"))
        elif same(lines_of(text)) != same(example.output) and not update:
            difference = difflib.unified_diff(
                example.output, lines_of(text), "shown", "printed", lineterm=""
            )
            problems.append((example.line, "\n".join([example.command, *difference])))
    for (line, command), (text, status) in zip(inline, results[len(examples) :]):
        if status != 0:
            problems.append((line, f"status {status}: {command}\n{text}"))
    if update and not problems:
        printed = [lines_of(text) for text, _ in results[: len(examples)]]
        # What differs from run to run stays as it is.
        page.rewrite([e.output if same(e.output) == same(now) else now for e, now in zip(examples, printed)])
    return problems, len(results)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True, help="the command to run")
    parser.add_argument("--update", action="store_true", help="write the present output into the pages")
    parser.add_argument("pages", nargs="*", type=pathlib.Path, help="default: README.md, GUIDE.md and man/*")
    arguments = parser.parse_args()
    mtrace = pathlib.Path(arguments.mtrace).resolve()
    paths = arguments.pages or [ROOT / "README.md", ROOT / "GUIDE.md", *sorted((ROOT / "man").glob("*.[1-9]"))]

    failed = 0
    for path in paths:
        problems, count = check(pages.page_at(path), mtrace, arguments.update)
        for line, text in problems:
            print(f"{path}:{line}: {text}\n", file=sys.stderr)
        failed += len(problems)
        print(f"{path.name}: {count} commands, {len(problems)} problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
