"""What the tests that build programs have in common: running commands, and checks that run beside each other."""

import concurrent.futures
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"
SECONDS = 120


class Failure(Exception):
    pass


class Skipped(Exception):
    """What a check needs is not installed."""


def run(*command, folder=None, given=None, environment=None):
    """The finished command, which must have succeeded."""
    done = subprocess.run([str(word) for word in command], cwd=folder, input=given, capture_output=True, text=True,
                          timeout=SECONDS, env=environment, check=False)  # fmt: skip
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def rust_works():
    """A rustc may be there only as a wrapper of one that is not."""
    rustc = shutil.which("rustc")
    return rustc is not None and subprocess.run([rustc, "--version"], capture_output=True, check=False).returncode == 0


def run_checks(checks, chosen=""):
    """Runs each (name, function, arguments...) whose name has `chosen` in it, with a folder of its own, two at a time.
    The exit status."""
    problems, skipped = [], []
    with tempfile.TemporaryDirectory(prefix="mtrace-test-") as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = []
        for number, (name, check, *arguments) in enumerate(check for check in checks if chosen in check[0]):
            own = Path(folder) / str(number)
            own.mkdir()
            running.append((name, pool.submit(check, own, *arguments)))
        for name, future in running:
            try:
                future.result()
            except Skipped as reason:
                skipped.append(f"{name}: {reason}")
            except (Failure, subprocess.TimeoutExpired) as failure:
                problems.append(f"{name}: {failure}")
    for line in [f"skipped {name}" for name in skipped] + problems:
        print(line, file=sys.stderr)
    print(f"{len(running)} checks, {len(skipped)} skipped, {len(problems)} problems")
    return 1 if problems or not running else 0
