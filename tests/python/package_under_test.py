"""The package under test, for the other files here: import this before mtrace.

Their first argument is the folder that holds the package `mtrace`, the second one the command.
"""

import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
PACKAGE_FOLDER = os.path.abspath(sys.argv.pop(1))
COMMAND = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else None
TESTDATA = Path(__file__).resolve().parents[2] / "testdata"
SECONDS = 60
sys.path.insert(0, PACKAGE_FOLDER)


def environment(**variables):
    """For a Python that finds the package, and is not traced unless `variables` say so."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("MTRACE", "PYTHONSTARTUP")}
    path = os.pathsep.join(filter(None, [PACKAGE_FOLDER, inherited.get("PYTHONPATH")]))
    return {**inherited, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **variables}


def run(*arguments, cwd=None, **variables):
    """Runs a program to its end and returns what it printed, and its status."""
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogatepass",
        timeout=SECONDS,
        check=False,
    )


def python(*arguments, cwd=None, **variables):
    """The same for this interpreter with arguments."""
    return run(sys.executable, *arguments, cwd=cwd, **variables)


def top(path, *options):
    """The lines that the command prints of a snapshot, in tracemalloc's own words."""
    done = run(COMMAND, "top", "--format", "text", "--limit", "0", *options, path)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
