#!/usr/bin/python3
"""mtrace run and mtrace snapshot: the program notices nothing, and its snapshots are there."""

import argparse
import os
import pty
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

from mtrace_command import ENVIRONMENT, Mtrace  # noqa: E402

SECONDS = 60


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(str(what))


def wait_until(condition, what):
    end = time.monotonic() + SECONDS
    while not condition():
        check(time.monotonic() < end, f"never: {what}")
        time.sleep(0.002)


def state_of(process):
    """R, S, T (stopped), Z (ended); nothing where there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


class Tests:
    def __init__(self, mtrace, folder):
        self.mtrace = mtrace
        self.top = folder
        self.folder = folder
        self.random = random.Random(20261121)
        self.launcher = []  # what executes mtrace

    def path(self, name):
        return os.path.join(self.folder, name)

    def files(self):
        return sorted(os.listdir(self.folder))

    def arguments(self, *arguments):
        return [*self.launcher, self.mtrace.path, "run", *arguments]

    def run(self, *arguments, **options):
        """Ends the run before the test, and gives its outcome."""
        options = {"capture_output": True, "timeout": SECONDS, "cwd": self.folder, "env": ENVIRONMENT} | options
        return subprocess.run(self.arguments(*arguments), **options)

    def start(self, *arguments, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   "cwd": self.folder, "env": ENVIRONMENT} | options  # fmt: skip
        return subprocess.Popen(self.arguments(*arguments), **options)

    def info(self, name):
        """What `mtrace info` says, by its first words; it must be readable from end to end."""
        dump = self.mtrace.run("info", "--dump", self.path(name))
        check(dump.status == 0, dump)
        return dict(line.split(" ", 1) for line in dump.stdout.decode().splitlines() if line[0] != " ")

    # --- the program notices nothing ---

    def test_exit_status(self):
        for status in (0, 1, 2, 77, 255):
            check(self.run("--", "sh", "-c", f"exit {status}").returncode == status, status)
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGUSR1, signal.SIGHUP):
            check(self.run("--", "sh", "-c", f"kill -{number} $$").returncode == 128 + number, number)

    def test_streams(self):
        script = "cat; echo out; echo err >&2"
        plain = subprocess.run(["sh", "-c", script], input=b"in\0put", capture_output=True, check=True)
        done = self.run("sh", "-c", script, input=b"in\0put")
        check((done.stdout, done.stderr) == (plain.stdout, plain.stderr), done)

    def test_arguments(self):
        """Words are the program's, whatever they look like."""
        words = ["[a,b]", "--x=", "--help", "top", "-", "--", "", " ", "\\", "\udcff"]
        done = self.run("--", "printf", "%s|", *words)
        check(done.stdout == b"|".join([*map(os.fsencode, words), b""]), done)
        done = self.run("printf", "%s|", "-o", "top")
        check(done.stdout == b"-o|top|", done)

    def test_environment(self):
        """The same variables in the same order, for the program and for what it starts."""
        given = {"B": "2", "A": "1", "LD_BIND_NOW": "", "MTRACE_RUNTIME": ENVIRONMENT.get("MTRACE_RUNTIME", "")}
        for more in ({}, {"MTRACE": "nonsense"}, {"LD_PRELOAD": "libm.so.6"}, {"LD_PRELOAD": ""}):
            environment = given | more
            for command in (["env"], ["sh", "-c", "env"], ["sh", "-c", "env; env"], ["bash", "-c", "exec env"],
                            [sys.executable, "-c", "import os; print(os.environb)"]):  # fmt: skip
                plain = subprocess.run(command, env=environment, capture_output=True, check=True, cwd=self.folder)
                done = self.run("--follow-fork", "--", *command, env=environment)
                check(done.stdout == plain.stdout, f"{plain.stdout}\n{done}")

    def test_signals_as_they_were(self):
        """Ignored and blocked ones stay so; the others have their default action."""
        def masks(command):
            lines = subprocess.run(command, capture_output=True, check=True, cwd=self.folder, env=ENVIRONMENT,
                                   preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)).stdout  # fmt: skip
            return [line for line in lines.splitlines() if line[:6] in (b"SigBlk", b"SigIgn")]

        command = ["cat", "/proc/self/status"]
        check(masks(self.arguments("--", *command)) == masks(command), masks(self.arguments(*command)))
        script = ("import signal as s\n"
                  "print([s.getsignal(n) for n in sorted(s.valid_signals() - {s.SIGINT})])\n"
                  "print(s.signal(s.SIGTERM, s.SIG_IGN), s.signal(s.SIGTERM, s.SIG_DFL), s.signal(s.SIGTERM, print))\n")  # fmt: skip
        command = [sys.executable, "-c", script]
        check(self.run("--on-signal=USR2", "--", *command).stdout == subprocess.check_output(command), script)

    def test_no_descriptor_left(self):
        command = ["ls", "-l", "/proc/self/fd"]
        done = self.run("--on-signal=USR2", "--interval=1s", "--", *command)
        check(done.stdout.count(b"->") == 4, done)

    def test_terminal(self):
        """A program that reads from its terminal and is stopped there; job control works on both."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            os.execve(self.mtrace.path, self.arguments("--", "cat"), ENVIRONMENT)
        os.write(terminal, b"hello\n")
        shown = b""
        while shown.count(b"hello") < 2:
            shown += os.read(terminal, 4096)
        os.write(terminal, b"\x04")
        rest = b""
        try:
            while chunk := os.read(terminal, 4096):
                rest += chunk
        except OSError:
            pass
        check(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, rest)
        check(re.search(rb"mtrace: wrote (mtrace\.cat\.\d+\.zst); next: mtrace top \1 --metric peak\r\n$", rest), rest)
        os.close(terminal)

    def test_stop_and_continue(self):
        run = self.start("--", "sh", "-c", "echo $$; kill -STOP $$; echo again", process_group=0)
        program = int(run.stdout.readline())
        wait_until(lambda: state_of(program) == "T" and state_of(run.pid) == "T", "both stop")
        os.killpg(run.pid, signal.SIGCONT)
        check(run.communicate(timeout=SECONDS) == (b"again\n", b""), "it goes on")
        check(run.returncode == 0, run.returncode)

    def test_signals_go_on(self):
        script = "trap 'echo got {0}; exit 3' {0}; echo ready; while :; do sleep 0.01; done"
        for name in ("TERM", "HUP", "USR1", "INT"):
            run = self.start("--", "sh", "-c", script.format(name))
            run.stdout.readline()
            run.send_signal(getattr(signal, f"SIG{name}"))
            output, _ = run.communicate(timeout=SECONDS)
            check((output, run.returncode) == (f"got {name}\n".encode(), 3), (name, output, run.returncode))

    # --- what there is afterwards ---

    def test_snapshot(self):
        done = self.run("-o", "a.zst", "--nframe", "7", "--", "sh", "-c", "exit 3", "x y")
        check((done.returncode, done.stdout, done.stderr) == (3, b"", b""), done)
        info = self.info("a.zst")
        check(info["traceback_limit"] == "7" and info["program"].endswith('sh"'), info)
        check(int(info["created"]) >= int(info["started"]) > 1.7e18, info)
        top = self.mtrace.run("top", "-v", self.path("a.zst"))
        check(b" sh -c 'exit 3' 'x y'\n" in top.stdout or b"x y" in top.stdout, top)
        converted = self.path("converted.zst")
        check(self.mtrace.run("convert", self.path("a.zst"), "-o", converted).status == 0, "convert")
        contents = [subprocess.check_output(["zstd", "-dcq", file]) for file in (converted, self.path("a.zst"))]
        check(contents[0] == contents[1], "not canonical")

    def test_every_end(self):
        calls = ["sys.exit(4)", "os._exit(4)", "c.exit(4)", "c._Exit(4)", "c.quick_exit(4)", "c.abort()",
                 "os.kill(os.getpid(), 15)", "c.raise_(11)", "c.syscall(231, 4)",
                 "threading.Thread(target=lambda: os._exit(4)).start(); time.sleep(60)",
                 "signal.signal(2, signal.SIG_DFL); os.kill(os.getpid(), 2)"]  # fmt: skip
        for number, call in enumerate(calls):
            script = (f"import os, signal, sys, threading, time, ctypes; c = ctypes.CDLL(None); "
                      f"c.raise_ = getattr(c, 'raise'); {call}")  # fmt: skip
            plain = subprocess.run([sys.executable, "-c", script]).returncode
            done = self.run("-o", f"{number}.zst", "--", sys.executable, "-c", script)
            check(done.returncode == (plain if plain >= 0 else 128 - plain), f"{call}\n{done}")
            check(int(self.info(f"{number}.zst")["current"]) > 10000, call)

    def test_names(self):
        self.run("--", "true")
        self.run("-o", "%e-%n-%%-%p", "--", "true")
        self.run("-o", self.folder, "--", "true")
        names = self.files()
        check(len(names) == 3 and re.fullmatch(r"true-0001-%-\d+", names[2]), names)
        check(all(re.fullmatch(r"mtrace\.true\.\d+\.zst", name) for name in names[:2]), names)

    def test_output_is_there(self):
        """Whatever it was, it is kept; unless only the newest is wanted."""
        Path(self.path("a.zst")).write_bytes(b"old")
        self.run("-o", "a.zst", "--", "true")
        check(self.files() == ["a.1.zst", "a.zst"] and self.info("a.zst")["kind"] == "mtrace", self.files())
        check(Path(self.path("a.1.zst")).read_bytes() == b"old", "a.1.zst")
        self.run("-o", "a.zst", "--keep=1", "--", "true")
        check(self.files() == ["a.1.zst", "a.zst"], self.files())

    def test_another_folder(self):
        self.run("-o", "a.zst", "--", "sh", "-c", "cd /; exec true")
        check(self.files() == ["a.zst"], self.files())

    def test_executed_programs(self):
        """What the program turns into is traced, what it starts is not."""
        self.run("-o", "a.zst", "--", "sh", "-c", "true; ls >/dev/null; exec env -i cat /dev/null")
        check(self.files() == ["a.zst"] and self.info("a.zst")["program"].endswith('/cat"'), self.info("a.zst"))

    def test_follow_fork(self):
        starts = ["subprocess.run(['true'])", "subprocess.run(['true'], close_fds=False)", "os.system('exec true')",
                  "os.posix_spawn('/bin/true', ['true'], {})", "os.posix_spawnp('true', ['true'], os.environ)",
                  "ctypes.CDLL(None).popen(b'exec true', b'r')", "os.fork() or os.execlp('true', 'true')",
                  "os.fork() or os.execve(os.open('/bin/true', 0), ['true'], {})"]  # fmt: skip
        for number, start in enumerate(starts):
            script = f"import ctypes, os, subprocess, time; {start}; time.sleep(0.05)"
            self.run("--follow-fork", "-o", f"{number}.zst", "--", sys.executable, "-c", script)
            wait_until(lambda: len([n for n in self.files() if n.startswith(f"{number}.")]) == 2, f"two for {start}")
            name = next(name for name in self.files() if re.fullmatch(rf"{number}\.\d+\.zst", name))
            check(self.info(name)["program"].endswith('true"'), f"{start}: {self.info(name)}")

    def test_forked_child(self):
        """It is another process, with files of its own; or it is not traced."""
        script = "import os; p = os.fork(); p and os.waitpid(p, 0); os._exit(0)"
        self.run("-o", "a.zst", "--", sys.executable, "-c", script)
        check(self.files() == ["a.zst"], self.files())
        os.unlink(self.path("a.zst"))
        self.run("--follow-fork", "-o", "a.zst", "--", sys.executable, "-c", script)
        check(len(self.files()) == 2, self.files())
        pids = {self.info(name)["pid"] for name in self.files()}
        check(len(pids) == 2, pids)

    def test_what_cannot_be_written_is_known_before(self):
        """The program is not started; the line names what is wrong."""
        Path(self.path("file")).touch()
        os.mkdir(self.path("folder"))
        refused = [("nowhere/a.zst", "nowhere: No such file"), ("nowhere/%e/a.zst", "nowhere: No such file"),
                   ("file/a.zst", "file: Not a directory"), ("a" * 300 + ".zst", "File name too long"),
                   ("%q.zst", "'%q' means nothing"), ("a.zst%", "'%' means nothing")]  # fmt: skip
        if os.path.isdir("/proc/self"):
            refused.append(("/proc/self/a.zst", "/proc/"))
        for pattern, words in refused:
            done = self.run("-o", pattern, "--", "touch", "started")
            check(done.returncode == 2 and done.stdout == b"", done)
            check(done.stderr.startswith(b"mtrace: ") and words.encode() in done.stderr, done)
            check(done.stderr.count(b"\n") == 1, done)
        check(self.files() == ["file", "folder"], self.files())
        for pattern, name in (("folder", "mtrace.true."), ("folder/%e.zst", "true.zst"), ("folder/100%%.zst", "100%.zst")):
            check(self.run("-o", pattern, "--", "true").returncode == 0, pattern)
            names = os.listdir(self.path("folder"))
            check(any(each.startswith(name) for each in names), names)

    def test_folder_with_a_percent_sign(self):
        """What the working folder is called is no pattern."""
        os.mkdir(self.path("50%n"))
        check(self.run("-o", "a.zst", "--", "true", cwd=self.path("50%n")).returncode == 0, "50%n")
        check(os.listdir(self.path("50%n")) == ["a.zst"], os.listdir(self.path("50%n")))

    def test_no_run_replaces_another_ones_snapshots(self):
        """The old one gets a number, and numbers go on behind those that are there."""
        def programs(names):
            return [self.info(name)["program"].strip('"').rpartition("/")[2] for name in names]

        for program in ("true", "ls", "sort"):
            check(self.run("-o", "a.zst", "--", program, stdin=subprocess.DEVNULL).returncode == 0, program)
        check(self.files() == ["a.1.zst", "a.2.zst", "a.zst"], self.files())
        check(programs(self.files()) == ["true", "ls", "sort"], programs(self.files()))
        for name in self.files():
            os.unlink(self.path(name))
        script = "kill -USR2 $$; kill -USR2 $$"
        first = []
        for _ in range(2):
            self.run("--on-signal=USR2", "-o", "n.%n.zst", "--", "sh", "-c", script)
            first = first or [(name, os.stat(self.path(name)).st_ino) for name in self.files()]
        names = self.files()  # signals that come together may have one snapshot
        check(len(first) > 1 and len(names) > len(first) + 1, names)
        check(names == [f"n.000{number}.zst" for number in range(1, len(names) + 1)], names)
        check(first == [(name, os.stat(self.path(name)).st_ino) for name, _ in first], names)
        created = [int(self.info(name)["created"]) for name in self.files()]
        check(created == sorted(created), created)

    def test_the_newest_file_is_the_newest_snapshot(self):
        """Looking up lines rewrites the files, in another order than they were written in."""
        script = "kill -USR2 $$; sleep 0.02; " * 3
        for pattern in ("n.%n.zst", "a.zst"):
            done = self.run("--on-signal=USR2", "--keep=3", "-o", pattern, "--", "sh", "-c", script)
            check(done.returncode == 0, done)
            names = self.files()
            check(len(names) == 3, names)
            times = {name: os.stat(self.path(name)).st_mtime_ns for name in names}
            created = {name: int(self.info(name)["created"]) for name in names}
            check(sorted(names, key=times.get) == sorted(names, key=created.get), (times, created))
            check(len(set(times.values())) == 3, times)
            check(all(b" at 0x" not in self.mtrace.run("info", "--dump", self.path(name)).stdout for name in names), names)
            for name in names:
                os.unlink(self.path(name))

    def test_only(self):
        """Other programs pass it on: through exec, fork, vfork and a shell."""
        script = "ls / >/dev/null; sh -c 'sort </dev/null; true'; env -u NOTHING sort </dev/null"
        done = self.run("--only", "so[q-s]t", "-v", "-o", "%e.%p.zst", "--", "sh", "-c", script)
        check(done.returncode == 0 and done.stdout == b"", done)
        names = self.files()
        check(len(names) == 2 and all(name.startswith("sort.") for name in names), names)
        check(b"wrote 2 snapshots of 2 processes; sort " in done.stderr, done)
        done = self.run("--only", "true", "-o", "a.zst", "--", "sh", "-c", "exec true")
        check("a.zst" in self.files(), self.files())
        done = self.run("--only", "trve", "--only=x*", "-o", "b.zst", "--", "sh", "-c", "ls / >/dev/null; true")
        check(done.returncode == 0 and "b.zst" not in self.files(), done)
        check(done.stderr == b"mtrace: no program that was started is one of --only trve, x*: there were sh, ls\n", done)

    # --- what it says in the end ---

    def advice(self, *arguments):
        done = self.run("-v", *arguments)
        line = done.stderr.decode().splitlines()[-1]  # a shell tells of those that were killed
        check(line.startswith("mtrace: wrote "), done)
        return line.rpartition("next: ")[2]

    def test_advice(self):
        """The command that answers."""
        perl = ["perl", "-e"]
        much = "my $much = 'x' x 40000000; "
        check(self.advice("-o", "a.zst", "--", *perl, much + "kill 'TERM', $$") == "mtrace top a.zst", "alive")
        check(self.advice("-o", "b.zst", "--", *perl, much + "undef $much") == "mtrace top b.zst --metric peak", "freed")
        series = "kill -USR2 $$; kill -USR2 $$; kill -USR2 $$"
        advice = self.advice("--on-signal=USR2", "-o", "c.%n.zst", "--", "sh", "-c", series)
        names = [name for name in self.files() if name.startswith("c.")]
        check(advice == f"mtrace diff {names[0]} {names[-1]}", advice)
        advice = self.advice("--on-signal=USR2", "--keep=2", "-o", "d e.zst", "--", "sh", "-c", series)
        names = [name for name in self.files() if name.startswith("d e")]
        check(len(names) == 2 and advice == f"mtrace diff '{names[0]}' '{names[1]}'", advice)
        script = f'ls / >/dev/null; perl -e "my \\$much = q(x) x 40000000; kill q(TERM), \\$\\$"; true'
        advice = self.advice("--follow-fork", "-o", "f.%e.zst", "--", "sh", "-c", script)
        check(re.fullmatch(r"mtrace top f\.perl(\.\d+)?\.zst \(--only perl traces no other program\)", advice), advice)

    # --- several ---

    def test_on_signal(self):
        script = "echo ready; while ! [ -e end ]; do sleep 0.01; done"
        for pattern in ("a.zst", "n%n.zst"):
            run = self.start("--on-signal=USR2", "-o", pattern, "--", "sh", "-c", script)
            run.stdout.readline()
            for count in (1, 2, 3):
                run.send_signal(signal.SIGUSR2)
                wait_until(lambda: len(self.files()) == count, f"{count} snapshots")
            Path(self.path("end")).touch()
            check(run.wait(SECONDS) == 0, run.stderr.read())
            os.unlink(self.path("end"))
            expected = ["a.1.zst", "a.2.zst", "a.3.zst", "a.zst"] if pattern == "a.zst" else [
                "n0001.zst", "n0002.zst", "n0003.zst", "n0004.zst"]  # fmt: skip
            check(self.files() == expected, self.files())
            order = expected if pattern != "a.zst" else ["a.1.zst", "a.2.zst", "a.3.zst", "a.zst"]
            times = [int(self.info(name)["created"]) for name in order]
            check(times == sorted(times), times)
            for name in expected:
                os.unlink(self.path(name))

    def test_interval(self):
        script = "import time; end = time.monotonic() + 3.3\nwhile time.monotonic() < end: b = [bytearray(900) for _ in range(999)]"
        start = time.monotonic()
        done = self.run("--interval=1s", "--keep=2", "-v", "-o", "a.zst", "--", sys.executable, "-c", script)
        seconds = time.monotonic() - start
        names = self.files()
        written = re.search(rb"^mtrace: wrote ([0-9]+) snapshots, the last is a.zst", done.stderr)
        # One a second and one at the end; a busy machine makes the program's seconds longer.
        check(written and 3 <= int(written[1]) <= seconds + 1, done)
        check(names == [f"a.{int(written[1]) - 1}.zst", "a.zst"], names)
        check(int(self.info(names[0])["created"]) < int(self.info("a.zst")["created"]), names)

    def test_not_at_exit(self):
        done = self.run("--no-on-exit", "--", "true")
        check(self.files() == [] and done.stderr == b"", done)

    # --- mtrace snapshot ---

    def ask(self, process, *arguments):
        return self.mtrace.run("snapshot", str(process), *arguments)

    def test_request(self):
        for script in ("echo $$; while ! [ -e end ]; do :; done", "echo $$; read line"):
            run = self.start("-o", "a.zst", "--", "sh", "-c", script, stdin=subprocess.PIPE)
            program = int(run.stdout.readline())
            for _ in range(20):
                outcome = self.ask(program)
                check(outcome.status == 0 and outcome.stdout == os.fsencode(self.path("a.zst\n")), outcome)
                check(self.info("a.zst")["pid"] == str(program), self.info("a.zst"))
            Path(self.path("end")).touch()
            run.communicate(b"line\n", SECONDS)
            check(run.returncode == 0, run.returncode)
            check(len(self.files()) == 22, self.files())
            for name in self.files():
                os.unlink(self.path(name))

    def test_request_refused(self):
        def says(outcome, text):
            check(outcome.status == 2 and outcome.stdout == b"" and outcome.stderr == text, outcome)

        ended = subprocess.Popen(["true"])
        ended.wait()
        says(self.ask(ended.pid), b"mtrace: process %d: there is none\n" % ended.pid)
        plain = subprocess.Popen(["sleep", "60"])
        says(self.ask(plain.pid), b"mtrace: process %d: it is not traced: start it with mtrace run\n" % plain.pid)
        plain.kill()
        plain.wait()
        run = self.start("--", "sh", "-c", "echo $$; exec sleep 60")
        program = int(run.stdout.readline())
        process = Path(f"/proc/{program}")
        wait_until(lambda: (process / "comm").read_text() == "sleep\n"
                   and "mtrace-requests-" in (process / "maps").read_text(), "sleep is traced")  # fmt: skip
        os.kill(program, signal.SIGSTOP)
        says(self.ask(program, "--timeout=1s"),
             b"mtrace: process %d: no answer within 1 s: it is stopped, or its disk is slow\n" % program)  # fmt: skip
        os.kill(program, signal.SIGKILL)
        run.send_signal(signal.SIGCONT)  # it stopped with the program
        run.communicate(timeout=SECONDS)
        says(self.ask("0"), b"mtrace: '0' is not a process id\n")

    # --- lines in place of addresses ---

    SOURCE = """#include <stdlib.h>
#include <unistd.h>
#include <signal.h>
static void* keep;
static __attribute__((noinline)) void work(int size) {
  keep = malloc(size);
  raise(SIGUSR2);
}
int main(int argc, char** argv) {
  work(4321);
  if (argc > 1) unlink(argv[0]);
  return 7;
}
"""

    def compile_program(self):
        Path(self.path("known.c")).write_text(self.SOURCE)
        subprocess.run(["gcc", "-g", "-Wl,--build-id", "known.c", "-o", "known"], cwd=self.folder, check=True)

    def has_line(self, name):
        """And nothing is said about what has none."""
        top = self.mtrace.run("top", self.path(name), "--format=json", "--group-by=traceback")
        check(top.status == 0 and top.stderr == b"", top)
        return b'/known.c", "lineno": 6, "function": "work"' in top.stdout

    def test_lines(self):
        """In every snapshot that there is afterwards; it can be read where the program is not."""
        self.compile_program()
        done = self.run("--on-signal=USR2", "-o", "a.zst", "--", "./known")
        check((done.returncode, done.stdout, done.stderr) == (7, b"", b""), done)
        os.unlink(self.path("known"))
        check(self.has_line("a.zst") and self.has_line("a.1.zst"), self.files())

    def test_no_lines(self):
        self.compile_program()
        self.run("--no-symbolize", "-o", "a.zst", "--", "./known")
        check(self.has_line("a.zst"), "looked up when it is read")
        os.unlink(self.path("known"))
        top = self.mtrace.run("top", self.path("a.zst"))
        check(b"known+0x" in top.stdout and top.stderr.count(b"\n") == 1 and b"/known: " in top.stderr, top)

    def test_lines_impossible(self):
        """One warning; the status stays, and what could be looked up is there."""
        self.compile_program()
        done = self.run("--on-signal=USR2", "-o", "a.zst", "--", "./known", "unlink")
        check(done.returncode == 7 and done.stdout == b"", done)
        program = self.path("known").encode()
        check(done.stderr == b"mtrace: warning: " + program + b": No such file or directory\n", done)
        for name in ("a.zst", "a.1.zst"):
            dump = self.mtrace.run("info", "--dump", self.path(name)).stdout
            check(b'/known"' in dump and b"  +0x" in dump and b'"__libc_start_main' in dump, dump)

    def test_lines_interrupted(self):
        """A server that never answers; the program's status and the snapshot with its addresses stay."""
        self.compile_program()
        with socket.create_server(("127.0.0.1", 0)) as server:
            environment = ENVIRONMENT | {"DEBUGINFOD_URLS": f"http://127.0.0.1:{server.getsockname()[1]}",
                                         "HOME": self.folder}  # fmt: skip
            server.settimeout(SECONDS)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                run = self.start("-o", "a.zst", "--", "sh", "-c", "./known; exit 6", env=environment)
                connection, _ = server.accept()
                run.send_signal(number)
                _, errors = run.communicate(timeout=SECONDS)
                connection.close()
                check(run.returncode == 6 and b"interrupted: mtrace symbolize" in errors, (run.returncode, errors))
                check(self.info("a.zst")["kind"] == "mtrace", "whole")

    # --- when it cannot be ---

    def test_program_missing(self):
        done = self.run("--", "/nothing/here")
        check((done.returncode, done.stderr) == (127, b"mtrace: /nothing/here: No such file or directory\n"), done)
        done = self.run("--", "no-such-program")
        check((done.returncode, done.stderr) == (127, b"mtrace: no-such-program: No such file or directory\n"), done)
        done = self.run("--", "/etc/passwd")
        check((done.returncode, done.stderr) == (126, b"mtrace: /etc/passwd: Permission denied\n"), done)
        check(self.files() == [], self.files())

    def test_output_impossible(self):
        done = self.run("-o", "no/a.zst", "--", "echo", "ran")
        check((done.returncode, done.stdout) == (2, b""), done)
        check(done.stderr == f"mtrace: {self.path('no')}: No such file or directory\n".encode(), done)
        done = self.run("-o", "/dev/full", "--", "sh", "-c", "exit 5")
        check((done.returncode, done.stderr) == (5, b"mtrace: /dev/full: No space left on device\n"), done)
        os.mkdir(self.path("gone"))
        done = self.run("-o", "gone/a.zst", "--", "sh", "-c", "rmdir gone; exit 5")
        gone = self.path("gone/a.zst")
        check((done.returncode, done.stderr) == (5, f"mtrace: {gone}: No such file or directory\n".encode()), done)

    def test_usage(self):
        def refused(text, *arguments):
            done = self.run(*arguments)
            check(done.returncode == 2 and done.stdout == b"" and text in done.stderr, done)
            check(done.stderr.startswith(b"mtrace: ") and done.stderr.count(b"\n") == 1, done)

        refused(b"CMD is required")
        refused(b"unknown option '--nfram', did you mean '--nframe'?", "--nfram")
        refused(b"unknown option '--nfram', did you mean '--nframe'?", "--nfram=3", "--", "true")
        refused(b"--nframe is from 1 to 1024", "--nframe=0", "--", "true")
        refused(b"--interval: '5 years' is an invalid duration", "--interval=5 years", "--", "true")
        refused(b"'9' is not a signal that a program can handle", "--on-signal=9", "--", "true")
        refused(b"--sample: 'much' is an invalid size", "--sample=much", "--", "true")
        refused(b"--native takes no value", "--native=3", "--", "true")
        refused(b"unknown option '-3' in '-v3'", "-v3", "true", "false")
        check(self.files() == [], self.files())

    def test_killed_by_mtrace_itself_not(self):
        done = self.run("-o", "a.zst", "--", "sh", "-c", "kill -KILL $$")
        check((done.returncode, done.stderr) == (137, b"mtrace: sh wrote no snapshot: it was killed\n"), done)

    def test_killed_while_it_writes(self):
        """At each moment the last complete snapshot is there, and nothing that is none."""
        self.kill_while_it_writes(70)

    def test_killed_without_unnamed_files(self):
        """The same where the file has a name while it is written."""
        launcher = str(Path(__file__).with_name("without_unnamed_files.py"))
        self.launcher = [sys.executable, launcher]
        try:
            done = self.run("-o", "b.zst", "--", "true")
            if done.stderr.startswith(b"seccomp: "):
                print(f"no seccomp here, left out: {done.stderr}")
                return
            check(self.files() == ["b.zst"] and self.info("b.zst")["kind"] == "mtrace", done)
            os.unlink(self.path("b.zst"))
            self.kill_while_it_writes(30)
            self.seen_temporary()
        finally:
            self.launcher = []

    def seen_temporary(self):
        """So that the test is known to test it: there is a moment at which the file has its other name."""
        script = "echo $$; while :; do kill -USR2 $$; done"
        run = self.start("--on-signal=USR2", "--no-symbolize", "--keep=1", "-o", "a.zst", "--", "sh", "-c", script)
        program = int(run.stdout.readline())
        wait_until(lambda: any(name.startswith(".mtrace.") for name in self.files()), "a temporary name")
        os.kill(program, signal.SIGKILL)
        run.communicate(timeout=SECONDS)
        check(not any(name.startswith(".") for name in self.files()), self.files())

    def kill_while_it_writes(self, rounds):
        script = "echo $$; while :; do kill -USR2 $$; done"
        for patterns in (["-o", "a.zst", "--keep=1"], ["-o", "a.zst", "--keep=3"], ["-o", "%n.zst", "--keep=2"]):
            for _ in range(rounds):
                run = self.start("--on-signal=USR2", "--no-symbolize", *patterns, "--", "sh", "-c", script)
                program = int(run.stdout.readline())
                wait_until(lambda: any(name[0] != "." for name in self.files()), "a snapshot")
                time.sleep(self.random.random() * 0.006)
                os.kill(program, signal.SIGKILL)
                run.communicate(timeout=SECONDS)
                names = self.files()
                check(names and all(re.fullmatch(r"(a(\.\d+)?|\d+)\.zst", name) for name in names), names)
                check(len(names) <= 4, names)
                for name in names:
                    self.info(name)
                    os.unlink(self.path(name))

    def test_outputs_alike(self):
        """Programs of every kind print the same."""
        tree = str(Path(__file__).resolve().parents[1])
        for command in (["ls", "-lR", tree], ["grep", "-rc", "the", tree], ["sort", __file__], ["bash", "-c", "echo $((6*7))"],
                        ["perl", "-e", "print sort map {$_ * 7} 1..2000"], ["git", "--version"]):  # fmt: skip
            plain = subprocess.run(command, capture_output=True)
            done = self.run("--", *command)
            check((done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr), done)

    def run_all(self, pattern):
        count = 0
        for name in sorted(name for name in dir(self) if name.startswith("test_") and pattern in name):
            begin = time.monotonic()
            with tempfile.TemporaryDirectory(dir=self.top) as self.folder:
                try:
                    getattr(self, name)()
                except Exception as error:
                    raise Failure(f"{name}: {error!r}") from error
            count += 1
            print(f"{name}: {time.monotonic() - begin:.1f} s")
        return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True, help="the command to test")
    parser.add_argument("--only", default="", help="tests whose name has this in it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            count = Tests(Mtrace(arguments.mtrace), folder).run_all(arguments.only)
        except Failure as failure:
            raise SystemExit(f"FAILED {failure}") from None
    if count == 0:
        raise SystemExit("no test has such a name")
    print(f"{count} tests passed")


if __name__ == "__main__":
    main()
