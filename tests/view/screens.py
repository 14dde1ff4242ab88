#!/usr/bin/python3
"""What `mtrace view` shows in a real terminal (tmux), key by key; and that the terminal is as it was afterwards.

tests/view/screens/*.txt holds what was typed and what was seen then:

    # 80x24 mtrace view after.pickle       the size and the command
    ## Down Enter                          keys, as tmux names them; a text in quotes is typed
    the screen, without the white space at its lines' ends

With --update, the files get what there is to be seen now: read the difference before you commit it.
"""

import argparse
import difflib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
SCREENS = Path(__file__).resolve().parent / "screens"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli" / "golden"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

from inputs import write_inputs  # noqa: E402
from mtrace_command import ENVIRONMENT, Mtrace  # noqa: E402

SECONDS = 20
SOURCE = "def load(orders):\n" + "".join(f"    order_{n} = parse(orders[{n}])\n" for n in range(2, 40))


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(str(what))


class Tmux:
    """A server of our own, whose windows have no status line."""

    def __init__(self, folder, programs):
        self.folder = folder
        self.socket = str(folder / "tmux")
        configuration = folder / "tmux.conf"
        configuration.write_text(
            # A session ends where the next one begins: the server stays.
            "set -s exit-empty off\nset -g status off\nset -g escape-time 0\nset -g default-terminal tmux-256color\nset -g remain-on-exit on\n"
        )
        self.options = ["-S", self.socket, "-f", str(configuration), "-u"]
        self.environment = ENVIRONMENT | {
            "PATH": f"{programs}:{ENVIRONMENT['PATH']}", "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh", "HISTFILE": "", "PS1": "> ",
        }  # fmt: skip

    def run(self, *arguments):
        return subprocess.run(
            ["tmux", *self.options, *arguments], cwd=self.folder / "work", env=self.environment, timeout=60,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    def start(self, size, command):
        columns, rows = size.split("x")
        self.run("new-session", "-d", "-s", "view", "-x", columns, "-y", rows, command)

    def stop(self):
        self.run("kill-session", "-t", "view")

    def type(self, keys):
        for key in keys:
            literal = key.startswith(("'", '"'))
            self.run("send-keys", "-t", "view", *(["-l", shlex.split(key)[0]] if literal else [key]))

    def screen(self):
        return [line.rstrip() for line in self.run("capture-pane", "-p", "-t", "view").rstrip("\n").split("\n")]

    def process(self, name):
        """The id of the program that runs in the window."""
        shell = self.run("display-message", "-p", "-t", "view", "#{pane_pid}").strip()
        done = subprocess.run(["pgrep", "-P", shell, "-x", name], capture_output=True, text=True, check=False)
        return int(done.stdout.split()[0]) if done.stdout else None

    def wait_for(self, is_there, what):
        end = time.monotonic() + SECONDS
        while True:
            screen = self.screen()
            if is_there(screen):
                return screen
            check(time.monotonic() < end, "\n".join([f"{what}; there is:", *screen]))
            time.sleep(0.02)

    def wait_for_text(self, text):
        return self.wait_for(lambda screen: any(text in line for line in screen), f"{text!r} does not appear")

    def settled(self):
        """What is there when nothing changes any more."""
        last, since = self.screen(), time.monotonic()
        while time.monotonic() < since + 0.5:
            time.sleep(0.05)
            screen = self.screen()
            if screen != last:
                last, since = screen, time.monotonic()
        return last


# --- screens that are kept ---


def steps_of(lines):
    """(command line, [[keys, screen]])"""
    command, steps = lines[0].removeprefix("# "), []
    for line in lines[1:]:
        if line.startswith("## ") or line == "##":
            steps.append([line, []])
        else:
            steps[-1][1].append(line)
    return command, steps


def words_of(keys):
    return re.findall(r"'[^']*'|\S+", keys.removeprefix("##"))


def check_file(tmux, path, update):
    lines = path.read_text().rstrip("\n").split("\n")
    size_and_command, steps = steps_of(lines)
    size, command = size_and_command.split(" ", 1)
    tmux.start(size, f"exec {command}")
    actual = [lines[0]]
    try:
        for keys, expected in steps:
            tmux.type(words_of(keys))
            if update:
                screen = tmux.settled()
            else:
                end = time.monotonic() + SECONDS
                while (screen := tmux.screen()) != expected and time.monotonic() < end:
                    time.sleep(0.02)
            actual += [keys, *screen]
            if screen != expected and not update:
                break
    finally:
        tmux.stop()
    if update:
        path.write_text("\n".join(actual) + "\n")
        return ""
    if actual == lines:
        return ""
    return "\n".join(difflib.unified_diff(lines[: len(actual)], actual, f"{path.name}, expected", "actual", lineterm=""))


# --- the terminal afterwards ---


class Endings:
    def __init__(self, tmux):
        self.tmux = tmux

    def begin(self, command="mtrace view after.pickle"):
        self.tmux.start("80x24", f"stty -g > before; {command}; echo status=$?; stty -g > after; cmp before after && echo same; read x")

    def check_end(self, status):
        self.tmux.wait_for_text("same")
        self.tmux.wait_for_text(f"status={status}")
        check(self.tmux.run("display-message", "-p", "-t", "view", "#{alternate_on}#{cursor_flag}").strip() == "01",
              "the screen or the cursor is not as it was")  # fmt: skip
        self.tmux.stop()

    def test_quit(self):
        self.begin()
        self.tmux.wait_for_text("orders.py:31")
        self.tmux.type(["q"])
        self.check_end(0)

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGSEGV):
            self.begin()
            self.tmux.wait_for_text("orders.py:31")
            os.kill(self.tmux.process("mtrace"), number)
            self.check_end(128 + number)

    def test_stopped_and_continued(self):
        self.tmux.start("80x24", "exec bash --norc --noprofile -i")
        self.tmux.wait_for_text(">")
        self.tmux.type(["'mtrace view after.pickle'", "Enter"])
        self.tmux.wait_for_text("orders.py:10")
        self.tmux.type(["C-z"])
        self.tmux.wait_for_text("Stopped")
        self.tmux.type(["'clear; echo here'", "Enter"])
        self.tmux.wait_for_text("here")
        self.tmux.type(["'fg'", "Enter"])
        self.tmux.wait_for_text("location")
        self.tmux.type(["Down", "Enter"])
        self.tmux.wait_for_text("called by")
        self.tmux.type(["q"])
        self.tmux.wait_for(lambda screen: "location" not in "".join(screen), "it does not end")
        self.tmux.stop()

    def test_resized(self):
        self.begin()
        self.tmux.wait_for_text("orders.py:31")
        self.tmux.run("resize-window", "-t", "view", "-x", "120", "-y", "40")
        self.tmux.wait_for(lambda screen: len(screen) == 40 and "quit" in screen[-1], "it does not grow")
        self.tmux.run("resize-window", "-t", "view", "-x", "20", "-y", "5")
        self.tmux.wait_for_text("too small")
        self.tmux.run("resize-window", "-t", "view", "-x", "80", "-y", "24")
        self.tmux.wait_for(lambda screen: len(screen) == 24 and "quit" in screen[-1], "it does not come back")
        self.tmux.type(["q"])
        self.check_end(0)

    def test_refusals(self):
        for command, words in (
            ("mtrace view after.pickle < /dev/null", "mtrace view needs a terminal"),
            ("mtrace view after.pickle | cat; false; sh -c 'exit 2'", "mtrace view needs a terminal"),
            ("TERM=unheard-of mtrace view after.pickle", "cannot draw on a terminal of the type 'unheard-of'"),
            ("mtrace view missing.zst", "missing.zst: No such file or directory"),
            ("mtrace view -", "standard input is the keyboard"),
        ):
            self.begin(command)
            self.tmux.wait_for_text(words)
            self.check_end(2)

    def test_hostile_names(self):
        """What a snapshot brings never reaches the terminal raw."""
        self.begin("mtrace view odd.pickle")
        screen = self.tmux.wait_for_text("lone \\udc80 surrogate.py")
        check(any("two\\nlines.py:1" in line for line in screen), screen)
        check(any("\\x1b[31mred" in line for line in screen), screen)
        check(any("日本語.py:5" in line for line in screen), screen)
        self.tmux.type(["q"])
        self.check_end(0)


# Grows, and says who it is.
LEAK = r"""
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>
static void* keep(unsigned size) { return std::memset(std::malloc(size), 1, size); }
int main() {
  if (FILE* file = std::fopen("leak.pid", "w")) std::fprintf(file, "%d\n", getpid()), std::fclose(file);
  for (int i = 0; i < 4000; ++i) keep(10000), usleep(10000);
}
"""


class Live:
    """A process while it runs."""

    def __init__(self, tmux):
        self.tmux, self.work = tmux, tmux.folder / "work"

    def begin(self):
        (self.work / "leak.pid").unlink(missing_ok=True)
        self.tmux.start("100x24", "mtrace run -o live.zst -- ./leak > /dev/null 2>&1 & while [ ! -s leak.pid ]; do sleep 0.02; done; "
                        "mtrace view --pid $(cat leak.pid) --every 100ms; echo status=$?; read x")  # fmt: skip

    def test_live(self):
        others = set(Path("/tmp").glob("mtrace-view-*"))
        self.begin()
        self.tmux.wait_for(
            lambda screen: re.search(r"live, ([3-9]|\d\d+) snapshots", screen[0]) and any("keep" in line for line in screen[3:]),
            "it does not live",
        )
        self.tmux.type(["p"])
        self.tmux.wait_for(lambda screen: "paused" in screen[0], "it is not paused")
        (folder,) = set(Path("/tmp").glob("mtrace-view-*")) - others
        self.tmux.type(["z"])
        self.tmux.wait_for(lambda screen: "+0 B" in screen[1], "it does not measure from now")
        self.tmux.type(["p", "Enter"])
        self.tmux.wait_for_text("called by")
        os.kill(int((self.work / "leak.pid").read_text()), signal.SIGKILL)
        self.tmux.wait_for(lambda screen: "ended after" in screen[0], "it does not see the end")
        self.tmux.wait_for(lambda screen: "process" in screen[-1], "it does not say why")
        self.tmux.type(["q"])
        self.tmux.wait_for_text("status=0")
        check(not folder.exists(), f"{folder} is left")
        check(not list(self.work.glob("live*.zst")), "a snapshot of the view is among those of the run")
        self.tmux.stop()

    def test_no_process(self):
        self.tmux.start("100x24", "mtrace view --pid 99999999; mtrace view; mtrace view --pid $$; read x")
        self.tmux.wait_for_text("process 99999999: there is none")
        self.tmux.wait_for_text("what is to be viewed?")
        self.tmux.wait_for_text("it is not traced: start it with mtrace run")
        self.tmux.stop()


def run_endings(tmux, with_live):
    failed = 0
    groups = [Endings(tmux)]
    if not with_live:
        print("skipped: processes while they run, for lack of the runtime")
    elif subprocess.run(["c++", "-g", "-x", "c++", "-", "-o", tmux.folder / "work" / "leak"], input=LEAK, text=True, check=False).returncode == 0:
        groups.append(Live(tmux))
    else:
        print("skipped: nothing runs that could be viewed, for lack of a compiler")
    tests = [getattr(group, name) for group in groups for name in dir(group) if name.startswith("test_")]
    for test in tests:
        name = test.__name__
        try:
            test()
        except Exception as error:  # the next test may tell more
            failed += 1
            print(f"{name}: {str(error) or type(error)}\n")
            subprocess.run(["tmux", *tmux.options, "kill-session", "-t", "view"], capture_output=True, check=False)
    return len(tests), failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    parser.add_argument("--no-live", action="store_true", help="there is no runtime to trace with")
    parser.add_argument("--update", action="store_true", help="take what is to be seen as right")
    arguments = parser.parse_args()
    if shutil.which("tmux") is None:
        print("skipped: tmux is not installed")
        return 0
    with tempfile.TemporaryDirectory(prefix="mtrace-screens-") as name:
        folder = Path(name)
        (folder / "work").mkdir()
        (folder / "programs").mkdir()
        (folder / "programs" / "mtrace").symlink_to(Mtrace(arguments.mtrace).path)
        write_inputs(folder / "work")
        for file in ("main.py", "orders.py"):
            (folder / "work" / file).write_text(SOURCE)
        tmux = Tmux(folder, folder / "programs")
        try:
            tests, failed = (0, 0) if arguments.update else run_endings(tmux, not arguments.no_live)
            for path in sorted(SCREENS.glob("*.txt")):
                tests += 1
                difference = check_file(tmux, path, arguments.update)
                failed += bool(difference)
                print(difference, end="\n\n" if difference else "")
        finally:
            subprocess.run(["tmux", *tmux.options, "kill-server"], capture_output=True, check=False)
    print(f"{tests} tests, {failed} failed")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
