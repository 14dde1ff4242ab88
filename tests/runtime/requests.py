#!/usr/bin/env python3
"""`mtrace snapshot` and programs that trace themselves: they answer, and their own signals stay theirs.

    tests/runtime/requests.py --mtrace PATH --program PATH
"""

import argparse
import json
import os
import re
import socket
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
            self.expect_answer(program.pid, "0001.zst")
            assert program.do("start") == 1
            self.expect_answer(program.pid, "0002.zst")

    def test_signals_are_the_programs(self):
        """Handled, ignored, blocked or with their default action: they are what they are untraced."""
        with self.start() as program:
            program.do("start")
            for number in (34, 48, 55, 64):
                assert program.do("handle", number) == 1
                assert program.do("kill", number) == 0
            assert program.do("handled") == 4
            self.expect_answer(program.pid)
        with self.start() as program:
            program.do("start")
            assert program.do("ignore-all") == 31
            self.expect_answer(program.pid)
        for number in (34, 55, 64):
            with self.start() as program:
                program.do("start")
                assert program.do("kill", number) == -1000
                assert program.process.wait(SECONDS) == -number

    def test_all_blocked(self):
        """A program that waits for signals instead of handling them is answered for."""
        with self.start() as program:
            program.do("block-all")
            program.do("start")
            self.expect_answer(program.pid)
            assert program.do("kill", 55) == 0
            assert program.do("pending", 55) == 1

    def test_nothing_is_interrupted(self):
        """Whatever the program waits in goes on waiting while others ask."""
        with self.start() as program:
            program.do("start")
            done = []
            waiting = threading.Thread(target=lambda: done.append(program.do("wait", 300)))
            waiting.start()
            while waiting.is_alive():
                self.expect_answer(program.pid)
            waiting.join()
            assert done == [1], done

    def test_strangers(self):
        """Who does not know the password gets no snapshot, and a requester that says nothing holds up nobody."""
        with self.start() as program:
            program.do("start")
            found = re.search(r"/memfd:mtrace-requests-(\w+)-\d+", Path(f"/proc/{program.pid}/maps").read_text())
            address = "\0" + found[1]
            for request in (b"", b"snapshot", b"snapshot 1", b"x" * 10000):
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
                    stranger.connect(address)
                    stranger.settimeout(SECONDS)
                    if request:
                        stranger.send(request)
                    try:
                        assert stranger.recv(1000) == b""
                    except ConnectionResetError:
                        pass
            self.expect_answer(program.pid)
            assert os.listdir(self.folder) == [f"mtrace.{os.path.basename(self.path)}.{program.pid}.zst"]

    def test_stopped(self):
        """No answer comes from a process that is stopped, and one comes as soon as it goes on."""
        with self.start() as program:
            program.do("start")
            os.kill(program.pid, 19)
            done = subprocess.run([self.mtrace, "snapshot", "--timeout=1s", str(program.pid)], capture_output=True,
                                  text=True, timeout=SECONDS)  # fmt: skip
            assert done.returncode == 2 and "no answer within 1 s" in done.stderr, done
            os.kill(program.pid, 18)
            self.expect_answer(program.pid)

    def test_thread_stands_still_inside_the_tracer(self):
        """A thread that is stopped while it counts is left out, and the snapshot says so."""
        with self.start() as program:
            program.do("start")
            # Nearly all of the time it is inside the tracer.
            for _ in range(100):
                assert program.do("stop-thread") == 0
                self.expect_answer(program.pid)
                path = f"{self.folder}/mtrace.{os.path.basename(self.path)}.{program.pid}.zst"
                top = subprocess.check_output([self.mtrace, "top", path], text=True)
                if "data loss: 1 thread stood still inside the tracer: its blocks are not counted\n" in top:
                    break
            else:
                raise AssertionError("100 times it stood outside")
            dump = subprocess.check_output([self.mtrace, "info", "--dump", path], text=True)
            assert "\nmissing_threads 1\n" in dump, dump[:1000]
            info = subprocess.check_output([self.mtrace, "info", "--format=json", path], text=True)
            assert json.loads(info)["snapshot"]["losses"]["missing_threads"] == 1, info

    def test_last_thread(self):
        """A program whose threads end by system calls of their own ends, with its first thread's status."""
        with self.start() as program:
            program.do("start")
            program.do("end-thread", 7)
            assert program.process.wait(SECONDS) == 7

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
        """A request comes in the middle of every function of the interface, and of the malloc family."""
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
