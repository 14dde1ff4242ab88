#!/usr/bin/python3
"""The benchmarks: run.py --mtrace PATH --make-synthetic PATH [--pairs N] [--blocks N] [--only WORD].

Each line names what is claimed, what was measured in this run, and whether it holds. Peers run in a
fresh process with tracing off. Machines are noisy: medians of pairs, and ratios.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

from measure import Comparison, run

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
EXCLUDES = ["-x", "*/package1/*", "-x", "*/module7?.py"]


class Report:
    def __init__(self):
        self.missed = 0

    def line(self, what, measured, claim, holds):
        self.missed += not holds
        print(f"{'ok    ' if holds else 'MISSED'} {what:44} {measured}  (claim: {claim})", flush=True)


def milliseconds(seconds):
    return f"{seconds * 1000:,.1f} ms"


def mebibytes(size):
    return f"{size / (1 << 20):,.0f} MiB"


def compare_with_tracemalloc(report, arguments, folder, frames):
    before, after = (f"{folder}/{name}-{frames}.pickle" for name in ("before", "after"))
    packed = f"{folder}/after-{frames}.zst"
    subprocess.run([PYTHON, f"{HERE}/make_dumps.py", folder, str(arguments.blocks), str(frames)], check=True)
    subprocess.run([arguments.mtrace, "convert", after, "-o", packed], check=True)

    def peer(question, *paths):
        return [PYTHON, f"{HERE}/tracemalloc_peer.py", question, *paths]

    def ours(*words):
        return [arguments.mtrace, *words, "-f", "text"]

    cases = (
        ("top of the pickle", peer("top", after), ours("top", after), 20),
        ("top, two excludes, of the pickle", peer("exclude", after), ours("top", after, *EXCLUDES), 60),
        ("diff of the pickles", peer("diff", before, after), ours("diff", before, after), 20),
        ("top of the converted .zst", peer("top", after), ours("top", packed), 300),
    )
    for what, theirs, mine, claim in cases:
        result = Comparison(theirs, mine, arguments.pairs)
        report.line(
            f"{what}, {frames} frame(s)",
            f"{result.ratio:,.0f} times faster ({milliseconds(result.peer)} : {milliseconds(result.ours)})",
            f"{claim} times",
            result.ratio >= claim,
        )
        if what == "top of the pickle":
            share = result.ours_peak / result.peer_peak
            report.line(
                f"  its peak memory, {frames} frame(s)",
                f"{share:.3f} of it ({mebibytes(result.peer_peak)} : {mebibytes(result.ours_peak)})",
                "a tenth",
                share <= 0.1,
            )


def scale(report, arguments, folder):
    million, tenth = f"{folder}/10M.zst", f"{folder}/1M.zst"
    for tracebacks, path in ((1_000_000, million), (100_000, tenth)):
        subprocess.run([arguments.make_synthetic, str(tracebacks), "10", path], check=True)
    rows = 10_000_000
    pairs = max(5, arguments.pairs)
    result = Comparison(["zstd", "-dc", million], [arguments.mtrace, "top", million], pairs, cpu=0)
    times = 1 / result.ratio
    report.line(
        "top of 10M rows against zstd -dc, one core",
        f"{times:.2f} times ({milliseconds(result.peer)} : {milliseconds(result.ours)})",
        "3 times",
        times <= 3,
    )
    report.line(
        "  its peak memory",
        f"{result.ours_peak / rows:.1f} bytes a row ({mebibytes(result.ours_peak)})",
        "64",
        result.ours_peak / rows < 64,
    )
    growth = Comparison([arguments.mtrace, "top", million], [arguments.mtrace, "top", tenth], pairs)
    report.line(
        "top of 10M rows against 1M rows", f"{growth.ratio:.1f} times the time", "linear: below 15", growth.ratio < 15
    )
    for words, path, claim in (("info", [million], 0.010), ("--version", [], 0.005)):
        seconds = statistics.median(run([arguments.mtrace, words, *path]).seconds for _ in range(21))
        report.line(f"mtrace {words}", milliseconds(seconds), milliseconds(claim), seconds <= claim)


def exports(report, arguments, folder):
    snapshot, profile = f"{folder}/50k.zst", f"{folder}/50k.pb.gz"
    subprocess.run([arguments.make_synthetic, "50000", "1", snapshot], check=True)
    command = [arguments.mtrace, "export", snapshot, "--to", "pprof", "-o", profile]
    seconds = statistics.median(run(command).seconds for _ in range(2 * arguments.pairs + 1))
    report.line("export of 50,000 tracebacks to pprof", milliseconds(seconds), "300 ms", seconds <= 0.3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--make-synthetic", required=True)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=3_000_000)
    parser.add_argument("--only", default="", help="1, 25, scale or export")
    arguments = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="mtrace-bench-") as folder:
        for frames in (1, 25):
            if arguments.only in ("", str(frames)):
                compare_with_tracemalloc(report, arguments, folder, frames)
        if arguments.only in ("", "scale"):
            scale(report, arguments, folder)
        if arguments.only in ("", "export"):
            exports(report, arguments, folder)
    sys.exit(1 if report.missed else 0)


main()
