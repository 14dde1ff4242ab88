"""The same blocks in tracemalloc's Snapshot and in mtrace's: the same answers, in the same order.

    PYTHON oracle.py PACKAGE_FOLDER [COMMAND] [--seeds N] [--seed N]

Each seed makes two random snapshots and asks random questions. mtrace is asked twice: as it has the
blocks one by one, and as it has them in rows, which is how the tracer hands them over.
"""

import argparse
import os
import random
import re
import sys
import tempfile
import tracemalloc
import warnings
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))
warnings.simplefilter("ignore", FutureWarning)  # re warns of globs such as [[a]

from random_selections import random_glob  # noqa: E402
from random_snapshots import random_pair  # noqa: E402

KEYS = (
    ("lineno", False),
    ("filename", False),
    ("traceback", False),
    ("lineno", True),
    ("filename", True),
)


class Oracle:
    """tracemalloc's snapshots, and mtrace's of the same blocks."""

    def __init__(self, mtrace, fold, pair):
        self.mtrace, self.fold = mtrace, fold
        self.theirs = pair
        self.ours = {
            "single blocks": [self.singles(snapshot) for snapshot in pair],
            "rows": [self.rows(snapshot) for snapshot in pair],
        }
        self.answers = 0

    def singles(self, snapshot):
        return self.mtrace.Snapshot(list(snapshot.traces._traces), snapshot.traceback_limit)

    def rows(self, snapshot):
        return self.mtrace.Snapshot(self.fold(snapshot.traces._traces), snapshot.traceback_limit)

    def expect(self, ours, theirs, what):
        self.answers += 1
        if ours != theirs:
            raise SystemExit(f"{what}\n  mtrace      {ours}\n  tracemalloc {theirs}")

    def statistics(self, label, ours, theirs):
        for key, cumulative in KEYS:
            what = f"{label}: statistics({key!r}, {cumulative})"
            got, expected = ours.statistics(key, cumulative), theirs.statistics(key, cumulative)
            self.expect(list(map(texts, got)), list(map(texts, expected)), what)
            if len(set(got)) != len(set(expected)):
                raise SystemExit(f"{what}: hashes differ")

    def compare(self, label, ours, theirs):
        for key, cumulative in KEYS:
            what = f"{label}: compare_to(…, {key!r}, {cumulative})"
            expected = list(map(texts, theirs[1].compare_to(theirs[0], key, cumulative)))
            got = ours[1].compare_to(ours[0], key, cumulative)
            self.expect(list(map(texts, got)), expected, what)
            # A snapshot of tracemalloc's own may be the old one.
            got = ours[1].compare_to(theirs[0], key, cumulative)
            self.expect(list(map(texts, got)), expected, what + " with tracemalloc's")

    def filter(self, label, rng, number):
        choice = random_filters(rng, self.theirs[number])
        try:
            theirs = self.theirs[number].filter_traces([make(tracemalloc) for make in choice])
        except re.error:  # Python 3.9 cannot match globs such as [b-a]
            return
        expected = sorted(theirs.traces._traces, key=repr)
        for form, pair in self.ours.items():
            ours = pair[number].filter_traces([make(self.mtrace) for make in choice])
            what = f"{label}, {form}: filter_traces({[str(make) for make in choice]})"
            self.expect(sorted(ours.traces._traces, key=repr), expected, what)
            if form == "single blocks":
                self.expect(list(ours.traces._traces), theirs.traces._traces, what)
            self.statistics(what, ours, theirs)

    def blocks(self, label):
        for number, theirs in enumerate(self.theirs):
            ours = self.ours["single blocks"][number]
            self.expect(list(map(texts, ours.traces)), list(map(texts, theirs.traces)), label)
            rows = self.ours["rows"][number]
            by_text = sorted(texts(trace) for trace in theirs.traces)
            self.expect(sorted(texts(trace) for trace in rows.traces), by_text, label)
            self.expect(len(rows.traces), len(theirs.traces), label)

    def tracebacks(self, label, rng):
        ours, theirs = (pair[0].traces[:20] for pair in (self.ours["single blocks"], self.theirs))
        ours, theirs = [t.traceback for t in ours], [t.traceback for t in theirs]
        for left, right in zip(ours, theirs):
            other = rng.randrange(len(ours))
            limit = rng.choice((None, 0, 1, 2, -1, -2, 1000, -1000))
            for most_recent_first in (False, True):
                lines = left.format(limit, most_recent_first)
                try:
                    expected = right.format(limit, most_recent_first)
                except ValueError:  # for a name that no file has
                    continue
                self.expect(lines, expected, f"{label}: format({limit}, {most_recent_first})")
            relations = [relation(left, ours[other]), relation(right, theirs[other])]
            self.expect(*relations, f"{label}: relations of {left} and {ours[other]}")
            pairs = ((left, ours), (right, theirs))
            frames = [relation(traceback[0], all_[other][-1]) for traceback, all_ in pairs]
            self.expect(*frames, f"{label}: relations of {left[0]} and {ours[other][-1]}")

    def files(self, label, folder):
        """What mtrace dumps, tracemalloc loads, and the other way round."""
        path = os.path.join(folder, "dump")
        theirs = self.theirs[1]
        for form, pair in self.ours.items():
            pair[1].dump(path)
            loaded = tracemalloc.Snapshot.load(path)
            self.expect(
                list(loaded.traces._traces), list(pair[1].traces._traces), f"{label}, {form}: dump"
            )
            self.expect(loaded.traceback_limit, theirs.traceback_limit, f"{label}, {form}: limit")
        theirs.dump(path)
        loaded = self.mtrace.Snapshot.load(path)
        self.expect(loaded.traces._traces, theirs.traces._traces, f"{label}: load")


def texts(thing):
    return str(thing), repr(thing)


def relation(left, right):
    return (
        left == right, left != right, left < right, left <= right, left > right, left >= right,
        hash(left) == hash(right), str(left), repr(right),
    )  # fmt: skip


class Made:
    """How to make one filter, of either module."""

    def __init__(self, name, *arguments, **named):
        self.name, self.arguments, self.named = name, arguments, named

    def __call__(self, module):
        return getattr(module, self.name)(*self.arguments, **self.named)

    def __str__(self):
        return f"{self.name}{self.arguments}{self.named}"


def random_filters(rng, snapshot):
    traces = snapshot.traces._traces
    frames = [frame for trace in traces for frame in trace[2]] or [("a.py", 1)]
    names, domains = [frame[0] for frame in frames], [trace[0] for trace in traces] or [0]
    chosen = []
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        inclusive = rng.random() < 0.5
        if rng.random() < 0.2:
            chosen.append(Made("DomainFilter", inclusive, domain=rng.choice(domains)))
            continue
        named = {}
        if rng.random() < 0.3:
            named["lineno"] = rng.choice(frames)[1]
        if rng.random() < 0.5:
            named["all_frames"] = True
        if rng.random() < 0.2:
            named["domain"] = rng.choice(domains)
        glob = rng.choice(names) if rng.random() < 0.3 else random_glob(rng, names)
        chosen.append(Made("Filter", inclusive, glob, **named))
    return chosen


def ask(mtrace, fold, seed, folder):
    rng = random.Random(seed ^ 0x7EA)
    shape, before, after = random_pair(seed)
    oracle = Oracle(mtrace, fold, (before, after))
    label = f"seed {seed} ({shape})"
    oracle.blocks(label)
    oracle.tracebacks(label, rng)
    oracle.files(label, folder)
    for form, ours in oracle.ours.items():
        for mine, theirs in zip(ours, oracle.theirs):
            oracle.statistics(f"{label}, {form}", mine, theirs)
        oracle.compare(f"{label}, {form}", ours, oracle.theirs)
    for number in (0, 1, 1):
        oracle.filter(label, rng, number)
    return oracle.answers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("package", help="the folder that holds the package")
    parser.add_argument("command", nargs="?", help="not needed")
    parser.add_argument("--seeds", type=int, default=44, help="how many to try")
    parser.add_argument("--seed", type=int, help="try only this one")
    arguments = parser.parse_args()
    sys.path.insert(0, os.path.abspath(arguments.package))
    import mtrace
    from mtrace.rows import fold

    seeds = range(arguments.seeds) if arguments.seed is None else [arguments.seed]
    with tempfile.TemporaryDirectory() as folder:
        answers = sum(ask(mtrace, fold, seed, folder) for seed in seeds)
    print(f"{len(seeds)} seeds, {answers} answers, no difference")


if __name__ == "__main__":
    main()
