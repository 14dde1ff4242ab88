#!/usr/bin/python3
"""Presses Tab in bash, zsh and fish, with the scripts that `mtrace completion` prints.

In bash and zsh a line is typed into an interactive shell, up to the Tab and Enter; a function in place of
mtrace then says with which arguments it was called. fish is asked what it would offer. Then each shell says
what it offers behind every command and every option, which is compared with the help. A shell that is not
installed is left out, which is said.
"""

import argparse
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import completion_offers  # noqa: E402

SECONDS = 30

# What is typed, and the last word that there is after a Tab.
CASES = [
    ("mtrace to", "top"),
    ("mtrace --vers", "--version"),
    ("mtrace help sym", "symbolize"),
    ("mtrace completion z", "zsh"),
    ("mtrace top --format j", "json"),
    ("mtrace top --form", "--format"),
    ("mtrace top -f mark", "markdown"),
    ("mtrace top --format=mark", "--format=markdown"),
    ("mtrace top --raw", "--raw-frames"),
    ("mtrace diff --sort gro", "growth"),
    ("mtrace diff one.zst tw", "two words.zst"),
    ("mtrace top --strip-prefix on", "one-folder/"),
    ("mtrace symbolize --sysr", "--sysroot"),
    ("mtrace run --nfr", "--nframe"),
    ("mtrace run mtrace-traced-pro", "mtrace-traced-program"),
    ("mtrace run --nframe 3 -- mtrace-traced-pro", "mtrace-traced-program"),
    ("mtrace run --sample=1M mtrace-traced-pro", "mtrace-traced-program"),
    ("mtrace run -o one.zst -- cat tw", "two words.zst"),
]
# zsh completes a value together with its option's name, fish too.
SAYS = r"""mtrace() { printf '<<%s>>' "${@: -1}"; }"""


class Failure(Exception):
    pass


class InteractiveShell:
    """A shell on a terminal of its own."""

    def __init__(self, arguments, setup, folder, environment):
        ready = "is ready"
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(arguments[0], arguments, environment)
        self.shown = ""
        self.type(setup + f"\necho shell '{ready}'\n")
        self.wait_for(rf"shell {ready}\r?\n")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, pattern):
        deadline = time.monotonic() + SECONDS
        while not (match := re.search(pattern, self.shown)):
            if not select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure(f"no {pattern} in what the shell shows: {self.shown!r}")
            self.shown += os.read(self.terminal, 65536).decode(errors="replace")
        self.shown = self.shown[match.end() :]
        return match

    def complete(self, line):
        """The last word of the line after a Tab."""
        self.type(line + "\t\n")
        return self.wait_for(r"<<([^>]*)>>")[1]

    def end(self):
        os.kill(self.process, 9)
        os.waitpid(self.process, 0)
        os.close(self.terminal)


def quiet_environment(folder):
    return {
        "HOME": str(folder),
        "PATH": f"{folder}:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "PS1": "$ ",
        "TERM": "dumb",
        "ZDOTDIR": str(folder),
    }


def bash_lines(mtrace, folder):
    setup = f"source <({mtrace} completion bash); bind 'set enable-bracketed-paste off'; {SAYS}"
    return InteractiveShell(["bash", "--norc", "--noprofile", "-i"], setup, folder, quiet_environment(folder))


def zsh_lines(mtrace, folder):
    setup = f"autoload -Uz compinit; compinit -u -D; unsetopt auto_remove_slash; source <({mtrace} completion zsh); {SAYS}"
    return InteractiveShell(["zsh", "-f", "-i"], setup, folder, quiet_environment(folder))


class Fish:
    def __init__(self, mtrace, folder):
        self.script = subprocess.run([mtrace, "completion", "fish"], stdout=subprocess.PIPE, check=True).stdout
        self.folder = folder

    def complete(self, line):
        asked = self.script + b"\ncomplete -C " + repr(line).encode() + b"\n"
        done = subprocess.run(
            ["fish", "--no-config"],
            input=asked,
            stdout=subprocess.PIPE,
            cwd=self.folder,
            env=quiet_environment(self.folder),
            timeout=SECONDS,
        )
        offered = [one.split("\t")[0] for one in done.stdout.decode().splitlines()]
        return offered[0] if len(offered) == 1 else offered

    def end(self):
        pass


def offered(shell, mtrace, folder, lines, asked):
    """What the shell offers behind each line that is asked for."""
    if shell == "zsh":
        lines.type(completion_offers.ZSH_SETUP + "print set 'up'\n")
        lines.wait_for(r"set up\r?\n")
        return completion_offers.zsh_offers(lines, folder, asked)
    ask = {"bash": completion_offers.bash_offers, "fish": completion_offers.fish_offers}[shell]
    return ask(mtrace, folder, quiet_environment(folder), asked)


SHELLS = {"bash": bash_lines, "zsh": zsh_lines, "fish": Fish}


def prepare(folder):
    (folder / "one.zst").touch()
    (folder / "two words.zst").touch()
    (folder / "one-folder").mkdir()
    program = folder / "mtrace-traced-program"
    program.touch()
    program.chmod(0o755)


def failures_of(shell, mtrace):
    with tempfile.TemporaryDirectory(prefix="mtrace-completion-") as name:
        prepare(Path(name))
        lines = SHELLS[shell](mtrace, Path(name))
        try:
            for line, expected in CASES:
                completed = lines.complete(line)
                if completed != expected:
                    yield f"{shell}: {line!r} became {completed!r}, not {expected!r}"
            everything = completion_offers.expectations(mtrace)
            offers = offered(shell, mtrace, Path(name), lines, list(everything))
            yield from completion_offers.problems_of(shell, offers, everything)
            print(f"{shell}: asked for what it offers behind {len(everything)} lines")
        finally:
            lines.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    mtrace = os.path.abspath(parser.parse_args().mtrace)
    failed = []
    for shell in SHELLS:
        if shutil.which(shell) is None:
            print(f"{shell} is not installed: left out")
            continue
        found = list(failures_of(shell, mtrace))
        failed += found
        print("\n".join([*found, f"{shell}: {len(CASES)} lines completed, {len(found)} problems"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
