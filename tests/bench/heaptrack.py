#!/usr/bin/python3
"""Reading a file of heaptrack's: mtrace beside heaptrack's own command, on the same file.

    ./dev bench heaptrack [--megabytes N] [--pairs N] [--plain]

The file is made: interpreted, as heaptrack keeps it, of so many megabytes unpacked, in zstd unless --plain. Both read
it whole in turn and print the lines with the highest peak; shown are medians, of the ratios, too. The goal: 3 times as
fast.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Comparison

MEGABYTE = 10**6
FUNCTIONS, DEPTH, TRACES, INFOS = 3000, 24, 20000, 60000


def head(chance):
    """Tables of a program with some thousand functions."""
    lines = ["v 10400 3", "X /usr/bin/app --serve", "I 1000 100000", "s c /usr/bin/app"]
    for number in range(FUNCTIONS):
        name, file = f"app::Part{number}::work(std::vector<int> const&)", f"/src/app/part{number % 300}.cpp"
        lines += [f"s {len(name):x} {name}", f"s {len(file):x} {file}"]
        lines.append(f"i {0x550000001000 + 64 * number:x} 1 {2 * number + 2:x} {2 * number + 3:x} {number % 900 + 1:x}")
    traces = 0
    leaves = []
    for _ in range(TRACES // DEPTH):
        caller = 0 if traces == 0 else chance.randrange(max(1, traces - 4 * DEPTH), traces + 1)
        for _ in range(DEPTH):
            lines.append(f"t {chance.randrange(FUNCTIONS) + 1:x} {caller:x}")
            traces += 1
            caller = traces
        leaves.append(caller)
    lines += [f"a {chance.choice((24, 32, 48, 64, 100, 1000, 5000)):x} {chance.choice(leaves):x}" for _ in range(INFOS)]
    return ("\n".join(lines) + "\n").encode()


def events(chance, size):
    """So many bytes of blocks that come and go; all are gone in the end, so that it can be repeated."""
    lines, alive, used = [], [], 0
    while used < size:
        if alive and chance.random() < 0.5:
            place = chance.randrange(len(alive))
            alive[place], alive[-1] = alive[-1], alive[place]
            line = f"- {alive.pop():x}"
        else:
            # A few kinds of blocks are most of all.
            number = int(INFOS * chance.random() ** 4)
            alive.append(number)
            line = f"+ {number:x}"
        lines.append(line)
        used += len(line) + 1
    lines += [f"- {number:x}" for number in alive]
    return ("\n".join(lines) + "\n").encode()


def make(path, megabytes, packed):
    chance = random.Random(1)
    first, piece = head(chance), events(chance, 8 * MEGABYTE)
    with open(path, "wb") as target:
        packer = subprocess.Popen(["zstd", "-q", "-T0", "-"], stdin=subprocess.PIPE, stdout=target) if packed else None
        out = packer.stdin if packer else target
        out.write(first)
        for number in range(max(1, megabytes * MEGABYTE // len(piece))):
            # Some more stay each time, and the clock goes on.
            out.write(f"c {10 * number:x}\nR {1000 + number:x}\n+ {number:x}\n".encode() + piece)
        if packer:
            out.close()
            if packer.wait() != 0:
                raise SystemExit("zstd failed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--plain", action="store_true", help="do not pack the file")
    arguments = parser.parse_args()
    peer = shutil.which("heaptrack_print")
    if peer is None:
        print("heaptrack is not installed (package heaptrack): nothing to compare with")
        return 0
    with tempfile.TemporaryDirectory(prefix="mtrace-bench-") as folder:
        path = Path(folder) / ("heaptrack.app.1" if arguments.plain else "heaptrack.app.1.zst")
        make(path, arguments.megabytes, not arguments.plain)
        print(f"{path.stat().st_size / MEGABYTE:.0f} MB, {arguments.megabytes} MB unpacked")
        ours = [str(Path(arguments.mtrace).resolve()), "top", str(path), "-m", "peak"]
        theirs = [peer, "--print-allocators", "0", "--print-temporary", "0", str(path)]
        found = Comparison(theirs, ours, arguments.pairs)
        print(f"heaptrack_print {found.peer:7.2f} s, {found.peer_peak / MEGABYTE:5.0f} MB")
        print(f"mtrace          {found.ours:7.2f} s, {found.ours_peak / MEGABYTE:5.0f} MB")
        print(f"times as fast: {found.ratio:.1f} (goal: 3)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
