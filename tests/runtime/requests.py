#!/usr/bin/env python3
"""`mtrace snapshot` and programs that trace themselves: they answer, and their own signals stay theirs.

    tests/runtime/requests.py --mtrace PATH --program PATH
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SECONDS = 60


class Program:
    """Obeys one command at a time."""

    def __init__(self, path, folder, environment=None):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
                                        env={**os.environ, **(environment or {})})  # fmt: skip
        self.pid = self.process.pid

    def do(self, command, number=0):
        self.process.stdin.write(f"{command} {number}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline() or -1000)

    def signal(self):
        """The one that it asks to be asked by; 0: none."""
        found = re.search(r"/memfd:mtrace-signal-(\d+)", Path(f"/proc/{self.pid}/maps").read_text())
        return int(found[1]) if found else 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class Tests:
    def __init__(self, mtrace, program):
        self.mtrace, self.path, self.folder = mtrace, program, ""

    def start(self, **environment):
        return Program(self.path, self.folder, environment)

    def ask(self, pid):
        return subprocess.run([self.mtrace, "snapshot", "--timeout=20s", str(pid)], capture_output=True, text=True,
                              timeout=SECONDS)  # fmt: skip

    def expect_answer(self, pid, name=None):
        done = self.ask(pid)
        path = os.path.join(os.path.realpath(self.folder), name or f"mtrace.{os.path.basename(self.path)}.{pid}.zst")
        assert (done.returncode, done.stdout, done.stderr) == (0, path + "\n", ""), done
        info = subprocess.check_output([self.mtrace, "info", "--dump", path], text=True)
        assert f"\npid {pid}\n" in info, info[:1000]

    def expect_refusal(self, pid, what):
        done = self.ask(pid)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"mtrace: process {pid}: {what}\n"), done

    def test_answers(self):
        with self.start() as program:
            self.expect_refusal(program.pid, "it has the tracer, but takes no requests now")
            assert program.do("start") == 1
            for _ in range(3):
                self.expect_answer(program.pid)
            assert program.do("start") == 1
            assert program.do("stop") == 1
            self.expect_refusal(program.pid, "it has the tracer, but does not trace now")
            assert program.do("start") == 1
            self.expect_answer(program.pid)

    def test_environment(self):
        with self.start(MTRACE="7,output=%n.zst") as program:
            assert program.do("handled") == 0  # it runs
            self.expect_answer(program.pid, "1.zst")
            assert program.do("start") == 1
            self.expect_answer(program.pid, "2.zst")

    def test_signal_is_given_up(self):
        """The program gets what it sets up, the tracer looks for another one."""
        with self.start() as program:
            program.do("start")
            before = program.signal()
            assert program.do("handle", before) == 1
            assert program.signal() not in (0, before), (before, program.signal())
            self.expect_answer(program.pid)
            assert program.do("handled") == 0
            assert program.do("kill", before) == 0 and program.do("handled") == 1

    def test_signal_in_use(self):
        """What has a handler when the tracing starts is never taken."""
        for number in range(40, 56):
            with self.start() as program:
                program.do("handle", number)
                program.do("start")
                assert program.signal() not in (0, number)
        with self.start() as program:
            assert program.do("ignore-all") == 31
            program.do("start")
            assert program.signal() == 0
            self.expect_refusal(program.pid, "it has the tracer, but takes no requests now")

    def test_all_ignored_later(self):
        with self.start() as program:
            program.do("start")
            assert program.do("ignore-all") == 31
            self.expect_refusal(program.pid, "it has the tracer, but takes no requests now")
            assert program.do("handled") == 0

    def test_all_blocked(self):
        """A program that waits for signals instead of handling them is left alone."""
        with self.start() as program:
            program.do("block-all")
            program.do("start")
            self.expect_refusal(program.pid, "it has the tracer, but takes no requests now")

    def test_default_action(self):
        """A signal that is no request does what it does without the tracer."""
        with self.start() as program:
            program.do("start")
            number = program.signal()
            assert program.do("kill", number) == -1000
            assert program.process.wait(SECONDS) == -number

    def test_forked_child(self):
        with self.start() as program:
            program.do("start")
            child = program.do("fork")
            try:
                self.expect_answer(child)
                self.expect_answer(program.pid)
            finally:
                os.kill(child, 9)

    def test_anywhere(self):
        """A request interrupts every function of the interface, and of the malloc family."""
        with self.start() as program:
            program.do("start")
            asking = threading.Event()

            def ask():
                while not asking.is_set():
                    self.expect_answer(program.pid)

            thread = threading.Thread(target=ask)
            thread.start()
            try:
                assert program.do("use", 700) == 1
                assert program.do("allocate", 500) == 1
            finally:
                asking.set()
                thread.join()

    def run_all(self):
        names = sorted(name for name in dir(self) if name.startswith("test_"))
        for name in names:
            with tempfile.TemporaryDirectory(prefix="mtrace-requests-") as self.folder:
                getattr(self, name)()
                print(name)
        print(f"{len(names)} tests passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", required=True)
    arguments = parser.parse_args()
    Tests(arguments.mtrace, arguments.program).run_all()


if __name__ == "__main__":
    sys.exit(main())
