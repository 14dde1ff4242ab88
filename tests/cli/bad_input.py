#!/usr/bin/python3
"""Feeds mtrace everything that is not a snapshot, or was one.

Whatever the input: no crash, no hang, little memory. What is refused gets one line on standard error, exit
status 2, nothing on standard output, and leaves no file behind.
"""

import argparse
import contextlib
import os
import resource
import shutil
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

import compression_bombs  # noqa: E402
import forged_snapshots  # noqa: E402
import hostile_pickles  # noqa: E402
from dump_files import encoded, pickled  # noqa: E402
from mtrace_command import Mtrace  # noqa: E402
from random_snapshots import random_pair  # noqa: E402
from snapshot_bytes import native_file  # noqa: E402

MIB = 1 << 20
PEAK_MEMORY = 128 * MIB
BOMB_PEAK_MEMORY = 512 * MIB
ADDRESS_SPACE = 3 << 30
SHOWN_PROBLEMS = 25


class Checks:
    """Runs commands on bad files, each in a folder of its own, and collects what went wrong."""

    def __init__(self, mtrace, folder):
        self.mtrace, self.folder = mtrace, folder
        self.sanitized = mtrace.is_sanitized()
        self.seconds = 200 if self.sanitized else 20
        self.runs, self.problems = 0, []
        self.local, self.lock = threading.local(), threading.Lock()
        self.good = os.path.join(folder, "good")
        Path(self.good).write_bytes(hostile_pickles.dump())

    def own_folder(self):
        if not hasattr(self.local, "folder"):
            self.local.folder = tempfile.mkdtemp(dir=self.folder)
        return self.local.folder

    def run(self, name, data, command, may_be_read, peak=PEAK_MEMORY, expected=None):
        """`command` is arguments in which BAD, GOOD and OUT stand for files."""
        folder = self.own_folder()
        bad, out = os.path.join(folder, "bad"), os.path.join(folder, "out")
        Path(bad).write_bytes(data)
        Path(out).write_bytes(b"what was there")
        files = {"BAD": bad, "GOOD": self.good, "OUT": out}
        outcome = self.mtrace.run(*(files.get(word, word) for word in command.split()), seconds=self.seconds)
        problem = self.problem_of(outcome, f"mtrace: {bad}: ".encode(), may_be_read, peak, expected)
        left = set(os.listdir(folder)) - {"bad", "out"}
        if outcome.status != 0 and Path(out).read_bytes() != b"what was there" or left:
            problem = f"the output was touched, or {left} left behind"
        with self.lock:
            self.runs += 1
            if problem:
                self.problems.append(f"{name}: {problem}\n{outcome}")
        for path in left:
            os.unlink(os.path.join(folder, path))

    def problem_of(self, outcome, start, may_be_read, peak, expected):
        if outcome.status < 0 or outcome.status not in (0, 2):
            return "killed, crashed or hung"
        if not self.sanitized and outcome.peak_memory > peak:
            return f"needed {outcome.peak_memory // MIB} MiB"
        if outcome.status == 0:
            if not may_be_read:
                return "was not refused"
            if expected is not None and outcome.stdout != expected:
                return "damage was not noticed and changed the answer"
            return None
        if outcome.stdout:
            return "printed something before it failed"
        if outcome.stderr.count(b"\n") != 1 or not outcome.stderr.startswith(start) or len(outcome.stderr) > 1000:
            return "is not one line that names the file"
        return None


READING = (
    "top --format=text BAD", "info --dump BAD", "convert BAD -o OUT", "diff GOOD BAD", "merge GOOD BAD -o OUT",
    "top -g traceback --format=json BAD", "diff BAD GOOD --format=csv", "top --all-frames -i * --cumulative BAD",
)  # fmt: skip
ALL = "info --dump BAD"


def in_parallel(tasks):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(function, *arguments) for function, *arguments in tasks]:
            done.result()


def small_files(mtrace, folder):
    """(name, content, whether every flipped bit must be noticed) of files of each kind."""
    for name, data in hostile_pickles.small_dumps():
        yield name, data, False
    yield "gzip", encoded(data, "gzip"), True
    yield "zstd", encoded(data, "zstd"), True
    yield "native .zst", native_file().encoded(), True
    source, target = os.path.join(folder, "source"), os.path.join(folder, "converted")
    Path(source).write_bytes(data)
    outcome = mtrace.run("convert", source, "-o", target)
    if outcome.status != 0:
        raise SystemExit(str(outcome))
    yield "converted .zst", Path(target).read_bytes(), True
    os.unlink(source)
    os.unlink(target)


def cuts(checks, files, every):
    """Every beginning of a file is refused."""
    for name, data, _ in files:
        for number, size in enumerate(range(0, len(data), every)):
            command = READING[number % len(READING)]
            yield checks.run, f"{name}, cut after {size} bytes", data[:size], command, False


def large_cuts(checks, folder):
    snapshot = random_pair(10)[2]
    data = pickled(snapshot)
    for encoding in ("plain", "gzip", "zstd"):
        file = encoded(data, encoding)
        for step in range(1, 60):
            size = len(file) * step // 60
            yield checks.run, f"large {encoding}, cut after {size}", file[:size], READING[step % len(READING)], False


def flips(checks, files, every):
    """A flipped bit is noticed, or harmless."""
    for name, data, is_checked in files:
        good = checks.mtrace.run("info", "--dump", "-", stdin=data)
        for bit in range(0, len(data) * 8, every):
            bad = bytearray(data)
            bad[bit // 8] ^= 1 << bit % 8
            expected = good.stdout if is_checked else None
            command = ALL if is_checked else READING[bit // every % len(READING)]
            yield checks.run, f"{name}, bit {bit} flipped", bytes(bad), command, True, PEAK_MEMORY, expected


def info_flips(checks, files, every):
    """`info` looks at the beginning only, but never breaks."""
    for name, data, _ in files:
        for bit in range(3, len(data) * 8, 8 * every):
            bad = bytearray(data)
            bad[bit // 8] ^= 1 << bit % 8
            yield checks.run, f"info, {name}, bit {bit}", bytes(bad), "info BAD", True


def made_up(checks):
    """Everything that was made to be refused, with one command after the other."""
    sources = (
        hostile_pickles.code_running, hostile_pickles.lying_lengths, hostile_pickles.wrong_shapes,
        hostile_pickles.broken_stacks, hostile_pickles.deep_and_wide,
    )  # fmt: skip
    number = 0
    for source in sources:
        for name, data in source():
            number += 1
            yield checks.run, name, data, READING[number % len(READING)], False
            if source is hostile_pickles.code_running:
                for encoding in ("gzip", "zstd"):
                    yield checks.run, f"{name} in {encoding}", encoded(data, encoding), READING[0], False
    for source in (forged_snapshots.headers, forged_snapshots.orders, forged_snapshots.metadata,
                   forged_snapshots.contents):  # fmt: skip
        for name, data in source():
            number += 1
            yield checks.run, name, data, (ALL, "convert BAD -o OUT", "merge GOOD BAD -o OUT")[number % 3], False
            yield checks.run, name, data, READING[number % len(READING)], True
    for source in (forged_snapshots.unusual, hostile_pickles.harmless):
        for name, data in source():
            for command in READING:
                yield checks.run, name, data, command, True


def simple_files(checks):
    """What is no snapshot at all, or not quite."""
    dump = hostile_pickles.dump()
    for name, data in (
        ("empty", b""),
        ("a newline", b"\n"),
        ("text", b"Hello, world\n" * 1000),
        ("zeros", bytes(100_000)),
        ("ones", b"\xff" * 100_000),
        ("a pickle's first byte", b"\x80"),
        ("an ELF file", b"\x7fELF" + bytes(60)),
        ("JSON", b'{"traces": []}'),
        ("PNG", b"\x89PNG\r\n\x1a\n" + bytes(50)),
        ("an empty gzip", encoded(b"", "gzip")),
        ("an empty zstd", encoded(b"", "zstd")),
        ("text in zstd", encoded(b"Hello" * 99, "zstd")),
        ("gzip in gzip", encoded(encoded(b"x", "gzip"), "gzip")),
        ("a dump in zstd in gzip", encoded(encoded(dump, "zstd"), "gzip")),
        ("a skippable frame", b"\x50\x2a\x4d\x18\x04\0\0\0abcd"),
        ("rubbish behind gzip", encoded(dump, "gzip") + b"xx"),
        ("rubbish behind zstd", encoded(dump, "zstd") + b"xx"),
        ("the zstd magic alone", b"\x28\xb5\x2f\xfd"),
        ("the gzip magic alone", b"\x1f\x8b"),
        ("a snapshot in gzip, cut", encoded(native_file().encoded(), "gzip")[:-9]),
    ):
        for command in READING:
            yield checks.run, name, data, command, False
        yield checks.run, name, data, "info BAD", True


def bombs(checks):
    for name, data in forged_snapshots.bombs():
        yield checks.run, f"bomb: {name}", data, ALL, False, BOMB_PEAK_MEMORY
    for name, data, may_be_read in compression_bombs.bombs():
        yield checks.run, f"bomb: {name}", data, "top --format=text BAD", may_be_read, BOMB_PEAK_MEMORY


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    parser.add_argument("--fork-server", metavar="LIBRARY", help="load the command once, not for each run")
    parser.add_argument("--every", type=int, default=3, metavar="N", help="flip only every Nth bit, and cut 10 times as often")
    parser.add_argument("--only", help="only this part: cuts, flips, made_up, bombs")
    arguments = parser.parse_args()
    mtrace = Mtrace(arguments.mtrace, arguments.fork_server)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="mtrace-bad-input-")
        stack.callback(shutil.rmtree, folder)
        checks = Checks(mtrace, folder)
        files = list(small_files(mtrace, folder))
        if not checks.sanitized:
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        parts = {
            "cuts": lambda: [*cuts(checks, files, max(1, arguments.every // 10)), *large_cuts(checks, folder)],
            "flips": lambda: [*flips(checks, files, arguments.every), *info_flips(checks, files, arguments.every)],
            "made_up": lambda: [*made_up(checks), *simple_files(checks)],
            "bombs": lambda: bombs(checks),
        }
        for name, part in parts.items():
            if arguments.only in (None, name):
                in_parallel(part())
    for problem in checks.problems[:SHOWN_PROBLEMS]:
        print(problem, end="\n\n")
    print(f"{checks.runs} runs, {len(checks.problems)} problems")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
