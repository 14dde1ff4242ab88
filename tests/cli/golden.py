#!/usr/bin/python3
"""Command lines and what they print, kept in tests/cli/golden/*.txt.

A case is text that a person can write:

    A line that is not indented is a remark.

      $ mtrace top app.pickle -n 1        a command for the shell, two spaces in
      what standard output must be
      2> what standard error must be
      [2]                                 the exit status, where it is not 0

An output line that could be taken for something else, or that holds what cannot be seen, stands there as
a Python string:  'a\\tb'  (as Python)

The commands of a file run in the same new folder, where `mtrace` is the program to test and the snapshots
of golden/inputs.py and testdata/ are at hand. With --update, the files are rewritten to what came out:
read the difference before you commit it.
"""

import argparse
import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
GOLDEN = Path(__file__).resolve().parent / "golden"
TESTDATA = Path(__file__).resolve().parents[2] / "testdata"
sys.path.insert(0, str(GOLDEN))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

from inputs import write_inputs  # noqa: E402
from json_documents import Documents  # noqa: E402
from mtrace_command import ENVIRONMENT, Mtrace  # noqa: E402

DOCUMENTS = Documents()
COMMAND, INDENT, ERRORS, AS_PYTHON, NO_NEWLINE = "  $ ", "  ", "2> ", "  (as Python)", "(no newline at the end)"


def written(line):
    """An output line as the file has it."""
    plain = line and line.isprintable() and not line.endswith((" ", AS_PYTHON)) and line != NO_NEWLINE
    ambiguous = line.startswith(("$ ", ERRORS)) or line.startswith("[") and line.endswith("]")
    return INDENT + (line if plain and not ambiguous else repr(line) + AS_PYTHON)


def output_lines(data, prefix=""):
    text = data.decode("utf-8", "surrogatepass")
    lines = text.split("\n")
    last = lines.pop()
    result = [INDENT + prefix + written(line)[len(INDENT) :] for line in lines]
    return result + ([INDENT + prefix + written(last)[len(INDENT) :], INDENT + prefix + NO_NEWLINE] if last else [])


def run(command, folder, environment):
    """The lines that follow the command. JSON is valid, or that is an error."""
    done = subprocess.run(["/bin/sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60)  # fmt: skip
    if done.stdout.startswith(b'{\n  "schema": '):
        DOCUMENTS.parse(done.stdout)
    status = [f"{INDENT}[{done.returncode}]"] if done.returncode else []
    lines = output_lines(done.stdout) + output_lines(done.stderr, ERRORS) + status
    # An empty line in the middle is one in the file too.
    return ["" if line == written("") else line for line in lines[:-1]] + lines[-1:]


def is_output(lines, at):
    """Whether a line behind a command belongs to what the command printed."""
    rest = (line for line in lines[at:] if line)
    following = next(rest, "")
    return following.startswith(INDENT) and not following.startswith(COMMAND)


def actual_content(lines, folder, environment):
    """The file as it would be if what its commands print were right; and how many commands there are."""
    result, commands = [], 0
    in_output = False
    for at, line in enumerate(lines):
        if line.startswith(COMMAND):
            commands += 1
            result += [line, *run(line[len(COMMAND) :], folder, environment)]
            in_output = True
        elif in_output and is_output(lines, at):
            continue
        else:
            in_output = False
            result.append(line)
    return result, commands


def prepare(folder, mtrace):
    """The folder that commands run in, and their environment."""
    work, programs = Path(folder, "work"), Path(folder, "programs")
    work.mkdir()
    programs.mkdir()
    (programs / "mtrace").symlink_to(mtrace.path)
    (work / "testdata").symlink_to(TESTDATA)
    write_inputs(work)
    return work, ENVIRONMENT | {"PATH": f"{programs}:{ENVIRONMENT['PATH']}"}


def check(path, mtrace, update):
    """Runs one file; returns (how many commands, the difference or nothing)."""
    lines = path.read_text().splitlines()
    with tempfile.TemporaryDirectory(prefix="mtrace-golden-") as folder:
        actual, commands = actual_content(lines, *prepare(folder, mtrace))
    if update and actual != lines:
        path.write_text("\n".join(actual) + "\n")
        print(f"updated {path.name}")
        return commands, ""
    return commands, "\n".join(difflib.unified_diff(lines, actual, f"{path.name}, expected", "actual", lineterm=""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    parser.add_argument("--update", action="store_true", help="take what comes out as right")
    parser.add_argument("names", nargs="*", help="files in golden/ (default: all)")
    arguments = parser.parse_args()
    paths = [GOLDEN / name for name in arguments.names] or sorted(GOLDEN.glob("*.txt"))
    total, failed = 0, 0
    for path in paths:
        commands, difference = check(path, Mtrace(arguments.mtrace), arguments.update)
        total += commands
        if difference or not commands:
            failed += 1
            print(difference or f"{path.name}: no commands", end="\n\n")
    print(f"{total} commands in {len(paths)} files, {failed} files differ")
    return 1 if failed or not total else 0


if __name__ == "__main__":
    sys.exit(main())
