#!/usr/bin/env python3
"""Runs every command line that the README and the manual pages show, and compares the output.

    tests/docs/run_examples.py --mtrace PATH [--update] [PAGE...]

Each page's commands run one after the other in a folder of their own that holds the example inputs.
Output is standard output and standard error together, and must be the same to the byte (but a line
may end in CR LF). A command may fail only where the page shows its status, with `echo $?` as the
next command. Commands inside a sentence or a table (`mtrace ...`) must run too. With --update the
pages get the output that there is now.
"""

import argparse
import difflib
import gzip
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pages

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECONDS = 60
# Ends each command's output, with its status.
MARK = "\x1e"

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


def prepare(folder, mtrace):
    """Lays out what the examples need: mtrace on PATH, snapshots, and the program they are of."""
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
    return work


def run(commands, mtrace):
    """What each command printed, and its status."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        work = prepare(folder, mtrace)
        environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        environment |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        done = subprocess.run(
            ["bash", "-c", SESSION, "session", *commands],
            cwd=work,
            # Where the build has the Python package.
            env=environment | {"HOME": str(work), "PYTHONPATH": str(mtrace.parent / "python")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,  # it is the last command's
        )
    text = done.stdout.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    parts = text.split(MARK)
    results = list(zip(parts[0::2], map(int, parts[1::2])))
    if len(results) != len(commands):
        raise SystemExit(f"the shell ended with {commands[len(results)]}: {parts[-1]}")
    return results


def lines_of(text):
    """Lines without their ends; a last line without an end says so, as it cannot be shown."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], lines[-1] + "\\ no end of line"]


def shows_status(block, index):
    return index + 1 < len(block.examples) and block.examples[index + 1].command == "echo $?"


def check(page, mtrace, update):
    """Runs a page's commands and returns what is wrong: (line number, text)."""
    problems = list(page.problems)
    examples = page.examples()
    inline = list(page.inline_commands())
    if not any("mtrace " in example.command for example in examples):
        problems.append((1, "this page shows no example"))
    results = run([e.command for e in examples] + [command for _, command in inline], mtrace)

    allowed = [shows_status(block, i) for block in page.blocks for i in range(len(block.examples))]
    for example, may_fail, (text, status) in zip(examples, allowed, results):
        if status != 0 and not may_fail:
            problems.append((example.line, f"status {status}: {example.command}\n{text}"))
        elif lines_of(text) != example.output and not update:
            difference = difflib.unified_diff(
                example.output, lines_of(text), "shown", "printed", lineterm=""
            )
            problems.append((example.line, "\n".join([example.command, *difference])))
    for (line, command), (text, status) in zip(inline, results[len(examples) :]):
        if status != 0:
            problems.append((line, f"status {status}: {command}\n{text}"))
    if update and not problems:
        page.rewrite([lines_of(text) for text, _ in results[: len(examples)]])
    return problems, len(results)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True, help="the command to run")
    parser.add_argument("--update", action="store_true", help="write the present output into the pages")
    parser.add_argument("pages", nargs="*", type=pathlib.Path, help="default: README.md and man/*")
    arguments = parser.parse_args()
    mtrace = pathlib.Path(arguments.mtrace).resolve()
    paths = arguments.pages or [ROOT / "README.md", *sorted((ROOT / "man").glob("*.[1-9]"))]

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
