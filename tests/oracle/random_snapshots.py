"""Random snapshots: names with every odd character, ties, huge sizes, deep tracebacks, domains."""

import random
import tracemalloc
from dataclasses import dataclass

ODD_NAMES = (
    "", " ", "\n", "a\nb.py", "\r\n", "tab\t.py", "nul\0.py", "esc\x1b[31m.py", "\x7f", "\x85",
    "'", '"', 'say "hi".py', "it's.py", "`", "a,b.py", "a;b.py", "a:1", "a:12:3", ":", ":0", "::",
    "[", "]", "[]", "[!", "*", "?", "[a]", "a[b].py", "-", "--help", "-x.py", "\\", "a\\b.py",
    "^", "!", "&&", "~~", "||", "{}", "{0}", "%s", "$HOME", "#", "<b>&amp;</b>", "|", "a|b.py",
    ".pyc", ".py", "a.pyc", "a.py", "a.pyc.pyc", "A.PYC", "a.pyo", "dir/", "/", "//", ".", "..",
    "./a.py", ".hidden", "dir/.hidden/a.py", "C:\\x.py", "<unknown>", "<hidden>", "<string>",
    "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>", "<stdin>",
    "/usr/lib/python3.11/json/decoder.py", "/usr/lib/python3/dist-packages/six.py",
    "/home/me/.venv/lib/python3.12/site-packages/numpy/core/x.py", "/srv/app/main.py",
    "é.py", "e\u0301.py", "ÿ", "日本語.py", "ไทย",
    "😀.py", "👨‍👩‍👧.py", "\u202egnp.py", "\u2028", "\ufeff",
    "\ufffd", "\uffff", "\U0010ffff", "\ud800", "\udfff", "\udc80.py", "\ud83d\ude00", "a\udcffb",
    "\udc80\udc81", "ﬀ.py", "İ", "ß", "K", "x" * 300, "/".join(["deep"] * 60), "é" * 200,
)  # fmt: skip

ALPHABET = "ab.py/[]!^-*?\\:\n é日\U0001f600\udc80"

LARGEST_TOTAL = 2**63 - 1


@dataclass
class Shape:
    """What kind of snapshot: each is one that could go wrong in its own way."""

    traces: int = 60
    names: int = 12
    lines: int = 5
    depth: int = 6
    tracebacks: int = 25
    sizes: str = "mixed"
    domains: tuple = (0,)
    odd: float = 0.4


SHAPES = (
    ("empty", Shape(traces=0)),
    ("single", Shape(traces=1, tracebacks=1)),
    ("plain", Shape(odd=0.1)),
    ("odd names", Shape(names=40, odd=1.0, tracebacks=60, traces=90)),
    ("ties", Shape(sizes="ties", names=6, tracebacks=40, traces=80)),
    ("huge", Shape(sizes="huge", traces=12, tracebacks=9)),
    ("domains", Shape(domains=(0, 1, 389047, 2**31 - 1, 2**31, 2**32 - 1), odd=0.2)),
    ("recursion", Shape(names=2, lines=2, depth=40, tracebacks=20, odd=0.5)),
    ("deep", Shape(names=8, depth=1000, tracebacks=4, traces=12, odd=0.2)),
    ("one frame", Shape(depth=1, names=30, tracebacks=60, traces=200)),
    ("large", Shape(traces=1000, names=60, tracebacks=250, depth=12, odd=0.3)),
)


def random_name(rng, odd):
    if rng.random() < odd:
        if rng.random() < 0.6:
            return rng.choice(ODD_NAMES)
        return "".join(rng.choices(ALPHABET, k=rng.randrange(9)))
    folder = rng.choice(("/srv/app", "/srv/app/core", "lib", "/usr/lib/python3.11"))
    return f"{folder}/{rng.choice('abcdef')}{rng.randrange(4)}.py{rng.choice(('', '', '', 'c'))}"


def random_line(rng, lines):
    if rng.random() < 0.05:
        return rng.choice((0, 2**31 - 1, 2**31, 2**32 - 1, 65535, 65536, 255, 256))
    return rng.randrange(1, lines + 1)


def random_size(rng, kind, room):
    """At most `room`, so that the total stays what mtrace can hold."""
    if kind == "ties":
        return min(rng.choice((0, 1, 2, 2, 100, 100)), room)
    if kind == "huge":
        size = rng.choice((2**62, 2**53 + 1, 2**40 * 10, rng.randrange(2**61), 10 * 1024**4 - 1))
        return min(size, room)
    edges = (0, 1, 99, 100, 101, 1023, 1024, 10239, 10240, 102350, 102400, 104857600)
    return min(rng.choice((rng.choice(edges), rng.randrange(600), rng.randrange(2**24))), room)


def random_frames(rng, shape, names):
    return [(rng.choice(names), random_line(rng, shape.lines)) for _ in range(shape.depth)]


def random_tracebacks(rng, shape, names):
    """Most recent frame first; many share their oldest frames, as real ones do."""
    stem = random_frames(rng, shape, names)
    tracebacks = []
    for _ in range(shape.tracebacks):
        kept = rng.randrange(len(stem) + 1) if rng.random() < 0.8 else 0
        fresh = rng.randrange(shape.depth - kept + 1)
        recent = random_frames(rng, shape, names)[:fresh]
        tracebacks.append(tuple(recent + stem[len(stem) - kept :]) or (stem[0],))
        if rng.random() < 0.2:
            stem = random_frames(rng, shape, names)
    return tracebacks


def random_trace(rng, shape, tracebacks, room):
    frames = rng.choice(tracebacks)
    if rng.random() < 0.2:
        frames = tuple([tuple(list(frame)) for frame in frames])  # equal, but not the same object
    hidden_frames = rng.choice((0, 0, 0, 1, 7, 60000))
    size = random_size(rng, shape.sizes, room)
    return rng.choice(shape.domains), size, frames, len(frames) + hidden_frames


def random_traces(rng, shape, tracebacks):
    traces, room = [], LARGEST_TOTAL
    for _ in range(shape.traces):
        again = traces and rng.random() < 0.15
        trace = rng.choice(traces) if again else random_trace(rng, shape, tracebacks, room)
        if trace[1] > room:
            continue
        room -= trace[1]
        traces.append(trace)
    return traces


def later_traces(rng, shape, tracebacks, traces):
    """Some stay, some go, some come: what a second snapshot holds."""
    later = [trace for trace in traces if rng.random() < 0.7]
    if shape.traces and rng.random() < 0.9:
        later += random_traces(rng, shape, tracebacks)[: rng.randrange(shape.traces + 1)]
    rng.shuffle(later)
    room, fitting = LARGEST_TOTAL, []
    for trace in later:
        if trace[1] <= room:
            room -= trace[1]
            fitting.append(trace)
    return fitting


def random_pair(seed):
    """(name of the shape, before, after); the same for the same seed."""
    rng = random.Random(seed)
    name, shape = SHAPES[seed % len(SHAPES)]
    names = [random_name(rng, shape.odd) for _ in range(shape.names)]
    tracebacks = random_tracebacks(rng, shape, names)
    before = random_traces(rng, shape, tracebacks)
    after = later_traces(rng, shape, random_tracebacks(rng, shape, names) + tracebacks, before)
    limit = rng.choice((1, 25, shape.depth, 65535))
    return name, tracemalloc.Snapshot(before, limit), tracemalloc.Snapshot(after, limit)
