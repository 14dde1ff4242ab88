#!/usr/bin/python3
"""A fleet's snapshots added up: time and memory of `mtrace merge`.

    ./dev bench merge [--files N] [--tracebacks N]

A hundred snapshots are made, each of another number of tracebacks, and stand for all others by other names. Shown are the
medians of three runs, on all cores and on one. The goal: 10,000 files of 5,000 tracebacks within a minute on two cores, in
memory that does not grow with the number of files.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

MADE = 100
RUNS = 3
MEBIBYTE = 1 << 20


def merge(mtrace, folder, target, cores):
    """Seconds by the clock, seconds of processor time, and bytes resident at most."""
    begin = os.times()
    process = subprocess.Popen([mtrace, "merge", folder, "-o", target], preexec_fn=lambda: os.sched_setaffinity(0, cores))
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit("merge failed")
    return os.times().elapsed - begin.elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, type=Path)
    parser.add_argument("--make-synthetic", required=True, type=Path)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--tracebacks", type=int, default=5_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-merge-") as name:
        folder = Path(name)
        (folder / "made").mkdir()
        (folder / "fleet").mkdir()
        for number in range(MADE):
            path = folder / "made" / f"{number}.zst"
            subprocess.run([arguments.make_synthetic, str(arguments.tracebacks + number), "1", path], check=True)
        for number in range(arguments.files):
            (folder / "fleet" / f"{number}.zst").symlink_to(folder / "made" / f"{number % MADE}.zst")
        for cores in (os.sched_getaffinity(0), {min(os.sched_getaffinity(0))}):
            runs = [merge(arguments.mtrace.resolve(), folder / "fleet", folder / "sum.zst", cores) for _ in range(RUNS)]
            clock, processor, memory = map(statistics.median, zip(*runs))
            print(f"{arguments.files} files of {arguments.tracebacks} tracebacks, {len(cores)} cores: "
                  f"{clock:.1f} s, {processor:.1f} s of processor time, {memory / MEBIBYTE:.0f} MiB")  # fmt: skip


if __name__ == "__main__":
    main()
