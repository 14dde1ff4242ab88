#!/usr/bin/env python3
"""Everything at once under the preload: no hang, no crash, no wrong count.

    tests/runtime/stress.py --mtrace PATH --program PATH --plugin PATH [--seconds N]
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PATIENCE = 120  # seconds beyond those that the program runs
EXACT = ["--interval", "1s", "--keep", "2", "--on-signal", "URG"]
WAYS = [EXACT, [*EXACT, "--follow-fork"], [*EXACT, "--mmap"], ["--interval", "1s", "--keep", "2", "--sample", "16KiB"]]


def ask(mtrace, folder, ended):
    """Asks for snapshots, by request and by signal, until the program has ended."""
    while not ended.wait(0.2):
        for pid in subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True).stdout.split():
            if Path(f"/proc/{pid}/comm").exists() and "stress_program" in Path(f"/proc/{pid}/comm").read_text():
                subprocess.run(["timeout", "-s", "KILL", "30", mtrace, "snapshot", "--timeout=20s", pid], capture_output=True)


def last_snapshot(folder):
    return max(folder.glob("s*.zst"), key=lambda path: path.stat().st_mtime_ns)


def run(arguments, options, seconds):
    with tempfile.TemporaryDirectory(prefix="mtrace-stress-") as name:
        folder = Path(name)
        program = folder / "stress_program"
        program.symlink_to(arguments.program)
        command = ["timeout", "-s", "KILL", str(seconds + PATIENCE), arguments.mtrace, "run", "--no-symbolize", *options,
                   "-o", str(folder / "s.zst"), "--", str(program), str(seconds), arguments.plugin]  # fmt: skip
        ended = threading.Event()
        asking = threading.Thread(target=ask, args=(arguments.mtrace, program, ended))
        asking.start()
        done = subprocess.run(command, capture_output=True, text=True)
        ended.set()
        asking.join()
        assert done.returncode == 0, f"ended with {done.returncode}: {done.stdout}{done.stderr}"
        found = re.fullmatch(r"kept (\d+)\nchildren (\d+)\n", done.stdout)
        assert found, done.stdout
        if "--sample" not in options:
            check_count(arguments.mtrace, folder / "s.zst", int(found[1]))
        return found[2]


def check_count(mtrace, snapshot, kept):
    """What the program has kept is alive at its line, to the byte."""
    text = subprocess.check_output([mtrace, "top", "--format=json", "--group-by=function", "--function=*keep_one*", snapshot])
    total = json.loads(text)["total"]
    assert (total["size"], total["count"]) == (48 * kept, kept), (total, kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--seconds", type=int, default=120, help="in all")
    arguments = parser.parse_args()
    for options in WAYS:
        children = run(arguments, options, max(arguments.seconds // len(WAYS), 1))
        print(f"{' '.join(options)}: {children} children", flush=True)


if __name__ == "__main__":
    sys.exit(main())
