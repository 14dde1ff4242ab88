#!/usr/bin/python3
"""What reaches a person's terminal: colours, widths, a progress bar, and never a raw control character."""

import argparse
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tracemalloc
import unicodedata
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

from dump_files import pickled  # noqa: E402
from mtrace_command import ENVIRONMENT, Mtrace  # noqa: E402
from random_snapshots import ODD_NAMES  # noqa: E402
from snapshot_bytes import native_file  # noqa: E402

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FORMATS = ("table", "text", "json", "csv", "markdown")
LONG = "/srv/application/releases/2026-11-20/lib/python3.12/framework/internal/database/connection_pool.py"


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(str(what))


class Screen:
    """A pseudo terminal of a given width."""

    def __init__(self, columns):
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        attributes = termios.tcgetattr(self.theirs)
        attributes[1] &= ~termios.OPOST  # a newline stays one character
        termios.tcsetattr(self.theirs, termios.TCSANOW, attributes)
        self.shown = bytearray()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        """A terminal that nobody reads blocks who writes."""
        while True:
            try:
                self.shown += os.read(self.ours, 65536)
            except OSError:  # EIO: the other side is closed
                return

    def text(self):
        """All that was shown, once nobody writes to it any more."""
        os.close(self.theirs)
        self.reader.join()
        os.close(self.ours)
        return self.shown.decode("utf-8", "surrogatepass")


def width_of(line):
    """Cells of a terminal."""
    width = 0
    for character in line:
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return width


def dump_of(names):
    traces = [(0, 1000 * (n + 1), ((name, n + 1), (LONG, 7)), 2) for n, name in enumerate(names)]
    return pickled(tracemalloc.Snapshot(traces, 2))


class Tests:
    def __init__(self, mtrace, folder):
        self.mtrace, self.folder = mtrace, folder
        self.odd = self.file("odd", dump_of(ODD_NAMES))
        long_names = [LONG, f"{LONG}x", f"日本語/{LONG}", f"e\u0301{LONG}", "/" + "x" * 300, "a.py"]
        self.long = self.file("long", dump_of(long_names))
        self.native = self.file("native", native_file().encoded())
        self.after = self.file("after", dump_of([*ODD_NAMES[:40], LONG, "new.py"]))

    def file(self, name, data):
        path = os.path.join(self.folder, name)
        Path(path).write_bytes(data)
        return path

    def shown(self, *arguments, columns=100, environment=None, stdin=subprocess.DEVNULL):
        """What a terminal shows that is standard output and standard error."""
        screen = Screen(columns)
        try:
            done = subprocess.run(
                [self.mtrace.path, *arguments], stdin=stdin, stdout=screen.theirs, stderr=screen.theirs, timeout=60,
                env=ENVIRONMENT | {"TERM": "xterm-256color"} | (environment or {}),
            )  # fmt: skip
        finally:
            text = screen.text()
        check(done.returncode == 0, f"{arguments}: {done.returncode} {text}")
        return text

    def piped(self, *arguments, environment=None):
        outcome = self.mtrace.run(*arguments, environment=environment)
        check(outcome.status == 0, outcome)
        return outcome.stdout.decode("utf-8", "surrogatepass")

    def reports(self):
        for snapshot in (self.odd, self.long, self.native):
            for group_by in ("lineno", "filename", "traceback", "function", "module", "domain"):
                yield "top", f"--group-by={group_by}", "-n0", snapshot
        yield "diff", "-n0", self.odd, self.after
        yield "diff", "-n0", "--group-by=traceback", self.odd, self.after

    def test_colours_on_a_terminal_only(self):
        for command in (["top", self.odd], ["diff", self.odd, self.after]):
            check(COLOUR.search(self.shown(*command)), "no colours on a terminal")
            check(not COLOUR.search(self.piped(*command)), "colours in a pipe")

    def test_no_color(self):
        command = ["top", self.odd]
        check(not COLOUR.search(self.shown(*command, environment={"NO_COLOR": "1"})), "NO_COLOR was ignored")
        check(COLOUR.search(self.shown(*command, environment={"NO_COLOR": ""})), "an empty NO_COLOR counts as none")
        always = self.shown(*command, "--color=always", environment={"NO_COLOR": "1"})
        check(COLOUR.search(always), "an option beats NO_COLOR")

    def test_color_option(self):
        command = ["top", self.odd]
        check(COLOUR.search(self.piped(*command, "--color=always")), "always")
        check(not COLOUR.search(self.piped(*command, "--color=auto")), "auto in a pipe")
        check(not COLOUR.search(self.shown(*command, "--color=never")), "never")

    def test_colours_change_nothing_else(self):
        for command in self.reports():
            plain, coloured = self.piped(*command), self.piped(*command, "--color=always")
            check(COLOUR.sub("", coloured) == plain, f"{command}: colours change the text")

    def test_no_colours_in_data(self):
        for form in ("text", "json", "csv", "markdown"):
            check(not COLOUR.search(self.shown("top", self.odd, f"--format={form}")), form)

    def test_a_file_is_no_terminal(self):
        out = os.path.join(self.folder, "out")
        check(self.shown("top", self.long, "-o", out, columns=40) == "", "something was shown")
        check(Path(out).read_text() == self.piped("top", self.long), "a file's content depends on the terminal")
        os.unlink(out)

    def test_no_control_characters(self):
        """Nothing that a snapshot brings moves the cursor, or turns the text round."""
        for command in self.reports():
            for form in FORMATS:
                text = COLOUR.sub("", self.shown(*command, f"--format={form}"))
                if form == "csv":
                    text = text.replace("\r\n", "\n")
                for character in sorted(set(text) - {"\n"}):
                    unsafe = unicodedata.category(character) in ("Cc", "Cs") or character in "\u202e\u2028\ufeff"
                    check(not unsafe, f"{command} {form}: {character!r} reached the terminal")

    def test_no_control_characters_from_info(self):
        hostile = native_file()
        text = b"\x1b[2J\n\x9b"
        hostile.metadata = [(k, text if isinstance(value, bytes) else value) for k, value in hostile.metadata]
        path = self.file("hostile", hostile.encoded())
        for command in (["info"], ["info", "--dump"], ["info", "--format=json"], ["top"]):
            text = COLOUR.sub("", self.shown(*command, path))
            check("\x1b" not in text and "\x9b" not in text, f"{command}: {text!r}")

    def test_width(self):
        """No line of a table is wider than the terminal, unless it is too narrow for the figures."""
        for columns in (72, 80, 100, 160):
            for command in (("top", "-n0", self.long), ("top", "-n0", "--group-by=traceback", self.long),
                            ("top", self.native), ("diff", self.long, self.odd), ("top", "-n0", self.odd)):  # fmt: skip
                lines = COLOUR.sub("", self.shown(*command, columns=columns)).splitlines()
                # The first lines name the file and the program, whatever their length.
                table = lines[next(i for i, line in enumerate(lines) if line.lstrip().startswith("size")) :]
                for line in table:
                    check(width_of(line) <= columns, f"{command}: {width_of(line)} cells of {columns}: {line!r}")

    def test_shortened_in_the_middle(self):
        text = COLOUR.sub("", self.shown("top", self.long, columns=80))
        check("…" in text and "connection_pool.py:1" in text and "/srv/" in text, text)
        piped = self.piped("top", self.long)
        check("…/" not in piped and LONG in piped, "shortened in a pipe")

    def test_narrow(self):
        """Too narrow for anything: still a table, and no crash."""
        for columns in (0, 1, 2, 5, 10, 20, 30):
            for command in self.reports():
                check(self.shown(*command, columns=columns), f"{command} at {columns}")

    def test_aligned(self):
        """Numbers stand in columns, so that every location begins in the same cell."""
        lines = COLOUR.sub("", self.shown("top", "-n0", self.odd, columns=200)).splitlines()
        first = next(i for i, line in enumerate(lines) if line.lstrip().startswith("size"))
        start = lines[first].index("location")
        for line in lines[first + 1 :]:
            ends_a_number = line[start - 3] != " " and line[start - 2 : start] == "  "
            check(ends_a_number or line.startswith("…"), line)

    # --- progress ---

    def slow_run(self, seconds, columns=100, errors_to_terminal=True):
        """Standard error of a run whose input takes so long, and standard output."""
        screen = Screen(columns)
        data = Path(self.odd).read_bytes()
        process = subprocess.Popen(
            [self.mtrace.path, "top", "--format=text", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=screen.theirs if errors_to_terminal else subprocess.PIPE, env=ENVIRONMENT,
        )  # fmt: skip
        end = time.monotonic() + seconds
        for at in range(len(data) - 1):
            process.stdin.write(data[at : at + 1])
            process.stdin.flush()
            if at >= len(data) - 12:
                time.sleep(max(0, end - time.monotonic()) / 2)
        process.stdin.write(data[-1:])
        output, errors = process.communicate(timeout=60)
        check(process.returncode == 0, errors)
        shown = screen.text()
        return (shown if errors_to_terminal else errors.decode()), output

    def test_progress_when_slow(self):
        shown, output = self.slow_run(1.2)
        check("reading" in shown, f"no progress bar: {shown!r}")
        # It is gone in the end: the line is cleared, and nothing but it was ever used.
        check("\n" not in shown and shown.endswith("\r\x1b[K"), repr(shown))
        expected = self.piped("top", "--format=text", self.odd)
        check(output.decode("utf-8", "surrogatepass") == expected, "the answer differs")

    def test_no_progress_when_quick_or_unwatched(self):
        check(self.slow_run(0)[0] == "", "a progress bar for a quick read")
        check(self.slow_run(1.0, errors_to_terminal=False)[0] == "", "a progress bar that nobody watches")

    def run_all(self):
        """Returns (how many, how many failed)."""
        names = [name for name in dir(self) if name.startswith("test_")]
        failed = 0
        for name in names:
            try:
                getattr(self, name)()
            except Exception as error:  # the next test may tell more
                failed += 1
                print(f"{name}: {str(error)[:1500] or type(error)}\n")
        return len(names), failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mtrace", required=True, help="the command to test")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-terminal-") as folder:
        count, failed = Tests(Mtrace(arguments.mtrace), folder).run_all()
    print(f"{count} tests, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
