#!/usr/bin/python3
"""Where input comes from and output goes to: missing files, folders, pipes, full disks, closed streams."""

import argparse
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

import hostile_pickles  # noqa: E402
from dump_files import pickled  # noqa: E402
from json_documents import Documents  # noqa: E402
from mtrace_command import ENVIRONMENT, Mtrace  # noqa: E402
from random_snapshots import random_pair  # noqa: E402


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(str(what))


def refused(outcome, message):
    """One line, exactly this one (or one that begins with it, when it ends in …)."""
    expected = os.fsencode(f"mtrace: {message}\n")
    if message.endswith("…"):
        same = outcome.stderr.startswith(expected[: -len("…\n".encode())]) and outcome.stderr.count(b"\n") == 1
    else:
        same = outcome.stderr == expected
    check(outcome.status == 2 and outcome.stdout == b"" and same, f"expected {message!r}\n{outcome}")


class Tests:
    def __init__(self, mtrace, folder):
        self.mtrace, self.folder = mtrace, folder
        self.documents = Documents()
        self.good, self.large, self.bad = (os.path.join(folder, name) for name in ("good", "large", "bad"))
        Path(self.good).write_bytes(hostile_pickles.dump())
        Path(self.large).write_bytes(pickled(random_pair(10)[2]))
        Path(self.bad).write_bytes(b"not a snapshot")

    def path(self, name):
        return os.path.join(self.folder, name)

    def shell(self, script, **options):
        """With $M, $GOOD, $LARGE, $BAD and $OUT; streams are pipes."""
        names = {"M": self.mtrace.path, "OUT": self.path("out")}
        names |= {"GOOD": self.good, "LARGE": self.large, "BAD": self.bad}
        return subprocess.run(["bash", "-c", script], env=ENVIRONMENT | names, capture_output=True, timeout=60,
                              preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL), **options)  # fmt: skip

    # --- input ---

    def test_missing(self):
        nothing = self.path("nothing")
        for command in ("top", "info"):
            refused(self.mtrace.run(command, nothing), f"{nothing}: No such file or directory")
        refused(self.mtrace.run("diff", self.good, "/nothing/here"), "/nothing/here: No such file or directory")
        refused(self.mtrace.run("merge", self.good, "/nothing/here", "-o", self.path("out")),
                "/nothing/here: No such file or directory")  # fmt: skip

    def test_folder(self):
        refused(self.mtrace.run("top", self.folder), f"{self.folder}: Is a directory")
        refused(self.mtrace.run("convert", self.folder, "-o", self.path("out")), f"{self.folder}: Is a directory")

    def test_below_a_file(self):
        refused(self.mtrace.run("top", f"{self.good}/x"), f"{self.good}/x: Not a directory")

    def test_name_too_long(self):
        refused(self.mtrace.run("top", "x" * 5000), "xxx…")

    def test_empty_name(self):
        outcome = self.mtrace.run("top", "")
        check(outcome.status == 2 and outcome.stderr.count(b"\n") == 1 and not outcome.stdout, outcome)

    def test_odd_name(self):
        """A name is one line, and moves nobody's cursor, in errors as in reports."""
        for name in ("a\nb", "esc\x1b[31m", "\udcff", "-", "--help", "ü日", "\r", "\u202e", "\x9b"):
            path = self.path(name)
            outcome = self.mtrace.run("top", os.fsencode(path) + b"-missing")
            check(outcome.status == 2 and outcome.stderr.count(b"\n") == 1, outcome)
            check(not set(outcome.stderr[:-1]) & {*range(0x20), 0x7F}, f"control characters\n{outcome}")
            shutil.copy(self.good, path)
            outcome = self.mtrace.run("top", os.fsencode(path))
            check(outcome.status == 0 and b"\x1b" not in outcome.stdout, outcome)
            check(b"a.py:1" in outcome.stdout, outcome)
            pattern = b"--include=" + os.fsencode(name)
            self.documents.parse(self.mtrace.run("top", "--format=json", pattern, os.fsencode(path)).stdout)
            os.unlink(path)

    def test_unreadable(self):
        path = self.path("unreadable")
        shutil.copy(self.good, path)
        os.chmod(path, 0)
        if os.geteuid() != 0:
            refused(self.mtrace.run("top", path), f"{path}: Permission denied")
            return
        nobody = pwd.getpwnam("nobody").pw_uid
        os.chmod(self.folder, 0o755)
        try:
            subprocess.run([self.mtrace.path, "--version"], user=nobody, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"skipped: unreadable files, because nobody else can run the command here ({error})")
            return
        done = subprocess.run([self.mtrace.path, "top", path], user=nobody, capture_output=True, env=ENVIRONMENT)
        check(done.returncode == 2 and done.stdout == b"", done)
        check(done.stderr == f"mtrace: {path}: Permission denied\n".encode(), done)

    def test_pipe(self):
        """A FIFO, through which a snapshot comes, or nothing."""
        path = self.path("fifo")
        os.mkfifo(path)
        for data in (b"", Path(self.large).read_bytes()):
            writer = threading.Thread(target=lambda content=data: Path(path).write_bytes(content))
            writer.start()
            outcome = self.mtrace.run("top", "--format=text", "-n0", path)
            writer.join()
            if data:
                check(outcome.stdout == self.mtrace.run("top", "--format=text", "-n0", self.large).stdout, outcome)
            else:
                refused(outcome, f"{path}: it is empty")
        os.unlink(path)

    def test_device(self):
        refused(self.mtrace.run("top", "/dev/null"), "/dev/null: it is empty")
        refused(self.mtrace.run("top", "/dev/zero"), "/dev/zero: not a snapshot…")
        refused(self.mtrace.run("info", "/dev/zero"), "/dev/zero: not a snapshot…")

    def test_closed_stdin(self):
        done = self.shell("$M top - <&-")
        check(done.returncode == 2 and done.stderr == b"mtrace: standard input: Bad file descriptor\n", done)

    def test_slow_pipe(self):
        """Bytes that come one by one."""
        done = self.shell('(for n in $(seq 0 9); do tail -c +$((n + 1)) "$GOOD" | head -c 1; done; sleep 0.05; '
                          'tail -c +11 "$GOOD") | $M top -f text -')  # fmt: skip
        check(done.returncode == 0 and done.stdout.startswith(b"a.py:1: "), done)

    # --- output ---

    def test_full_disk(self):
        for command in ("top {}", "diff {0} {0}", "info {}", "top --format=json {}", "top --format=csv {}", "--help",
                        "top --help", "--version"):  # fmt: skip
            for snapshot in (self.good, self.large):
                with open("/dev/full", "wb") as full:
                    outcome = self.mtrace.run(*command.format(snapshot).split(), stdout=full.fileno())
                refused(outcome, "standard output: No space left on device")
        for arguments in (["top", self.good], ["convert", self.large], ["merge", self.good, self.large]):
            refused(self.mtrace.run(*arguments, "-o", "/dev/full"), "/dev/full: No space left on device")

    def test_output_to_a_missing_folder(self):
        for command in ("top", "convert", "merge"):
            outcome = self.mtrace.run(command, self.good, "-o", "/nothing/out")
            refused(outcome, "/nothing/out: No such file or directory")
        refused(self.mtrace.run("convert", self.good, "-o", self.folder), f"{self.folder}: Is a directory")

    def test_failing_keeps_what_was_there(self):
        out = self.path("out")
        for command in ("top", "convert", "merge"):
            Path(out).write_text("precious")
            check(self.mtrace.run(command, self.bad, "-o", out).status == 2, command)
            check(Path(out).read_text() == "precious", "the output was lost")
        os.unlink(out)

    def test_file_size_limit(self):
        """As on a full disk, in the middle of a regular file."""
        done = self.shell('trap "" XFSZ; ulimit -f 1; $M top -f csv -n0 "$LARGE" -o "$OUT"; code=$?; '
                          'test ! -e "$OUT" && exit $code')  # fmt: skip
        check(done.returncode == 2 and done.stdout == b"" and done.stderr.count(b"\n") == 1, done)

    def test_output_is_replaced_whole(self):
        out, link = self.path("out"), self.path("link")
        Path(out).write_text("x" * 100_000)
        os.chmod(out, 0o640)
        os.symlink("out", link)
        for arguments in (["top", "--format=text", self.good], ["convert", self.good]):
            outcome = self.mtrace.run(*arguments, "-o", link)
            check(outcome.status == 0 and outcome.stdout == b"", outcome)
            check(os.path.islink(link) and os.stat(out).st_mode & 0o777 == 0o640, "the link or the mode is lost")
        self.same_answers(out)
        refused = self.mtrace.run("convert", out, "-o", out)
        check(refused.status == 2 and refused.stderr.count(b"\n") == 1, refused)
        self.same_answers(out)
        self.same_answers(out)
        os.unlink(out)
        os.unlink(link)

    def same_answers(self, out):
        answers = [self.mtrace.run("top", "--format=text", path).stdout for path in (self.good, out)]
        check(answers[0] == answers[1] and answers[0], answers)

    def test_output_goes_through_devices(self):
        expected = self.mtrace.run("top", "--format=text", self.good).stdout
        for target in ("-", "/dev/stdout", "/dev/fd/1"):
            done = self.shell(f'"$M" top --format=text "$GOOD" -o {target} | cat')
            check(done.returncode == 0 and done.stdout == expected and done.stderr == b"", done)
        done = self.shell('"$M" convert "$GOOD" -o - | "$M" top --format=text -')
        check(done.returncode == 0 and done.stdout == expected and done.stderr == b"", done)
        check(self.mtrace.run("top", self.good, "-o", "/dev/null").status == 0, "/dev/null")
        check(not os.path.isfile("/dev/null"), "/dev/null was replaced")

    def test_closed_stdout(self):
        for command in ('top "$GOOD"', 'info "$GOOD"', 'convert "$GOOD" -o -', "--help"):
            done = self.shell(f"$M {command} >&-")
            check(done.returncode == 2 and done.stderr == b"mtrace: standard output: Bad file descriptor\n", done)

    def test_closed_stderr(self):
        """What would be said there must not get into the file that is written."""
        done = self.shell('$M diff "$GOOD" "$LARGE" -f text -o "$OUT" 2>&-; cat "$OUT"; rm "$OUT"')
        expected = self.mtrace.run("diff", "--format=text", self.good, self.large).stdout
        check(done.stdout == expected, done)
        done = self.shell('$M top "$BAD" 2>&-; echo $?')
        check(done.stdout == b"2\n", done)
        done = self.shell('$M convert "$GOOD" -o "$OUT" <&- >&- 2>&- ; code=$?; rm "$OUT"; exit $code')
        check(done.returncode == 0, done)

    def test_reader_that_goes_away(self):
        """As in `| head`: no noise, whatever the format."""
        for form in ("table", "text", "json", "csv", "markdown"):
            done = self.shell(f'$M top -n0 -g traceback -f {form} "$LARGE" | head -1 >"$OUT"; '
                              'echo ${PIPESTATUS[0]}; rm "$OUT"')  # fmt: skip
            check(done.returncode == 0 and done.stdout == b"0\n" and done.stderr == b"", done)
        done = self.shell('$M convert "$LARGE" -o - | head -c1 >"$OUT"; echo ${PIPESTATUS[0]}; rm "$OUT"')
        check(done.stdout == b"0\n" and done.stderr == b"", done)

    def run_all(self):
        """Returns (how many, how many failed)."""
        names = [name for name in dir(self) if name.startswith("test_")]
        failed = 0
        for name in names:
            before = set(os.listdir(self.folder))
            try:
                getattr(self, name)()
                left = set(os.listdir(self.folder)) - before - {"unreadable"}
                check(not left, f"left behind: {left}")
            except Exception as error:  # the next test may tell more
                failed += 1
                print(f"{name}: {error or type(error)}\n")
        return len(names), failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mtrace", required=True, help="the command to test")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-files-") as folder:
        count, failed = Tests(Mtrace(arguments.mtrace), folder).run_all()
    print(f"{count} tests, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
