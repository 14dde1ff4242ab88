"""The small snapshots that the golden tests look at: few figures, so that each can be checked by eye."""

import gzip
import pickle
import struct
import tracemalloc
from dataclasses import replace

from dump_files import with_three_fields
from snapshot_bytes import (
    FRAMES, LIVE_COUNTS, LIVE_SIZES, NODES, PEAK_COUNTS, PEAK_SIZES, TOTAL_COUNTS, TOTAL_SIZES, Section, native_file, varints,
)  # fmt: skip

MAIN, CORE, UTIL = "/srv/shop/main.py", "/srv/shop/core/orders.py", "/srv/shop/util.py"
JSON, SIX = "/usr/lib/python3.11/json/decoder.py", "/usr/lib/python3/dist-packages/six.py"
IMPORT = "<frozen importlib._bootstrap>"

# Blocks as (count, size of each, traceback), most recent frame first.
BEFORE = (
    (3, 1000, ((CORE, 10), (MAIN, 4))),
    (1, 500_000, ((UTIL, 7), (CORE, 20), (MAIN, 4))),
    (40, 64, ((JSON, 353), (UTIL, 9), (MAIN, 5))),
    (1, 2048, ((IMPORT, 241), (MAIN, 1))),
    (2, 300, ((SIX, 12), (MAIN, 2))),
)
AFTER = (
    (9, 1000, ((CORE, 10), (MAIN, 4))),
    (1, 500_000, ((UTIL, 7), (CORE, 20), (MAIN, 4))),
    (10, 64, ((JSON, 353), (UTIL, 9), (MAIN, 5))),
    (1, 2048, ((IMPORT, 241), (MAIN, 1))),
    (5, 700_000, ((CORE, 31), (CORE, 30), (CORE, 30), (MAIN, 6))),
)
ODD = (
    (1, 50, (("two\nlines.py", 1),)),
    (1, 40, (('say "hi", please.py', 2),)),
    (1, 30, (("tab\tand \x1b[31mred\x1b[0m.py", 3),)),
    (1, 20, (("lone \udc80 surrogate.py", 4),)),
    (1, 10, (("日本語.py", 5),)),
    (1, 5, (("", 0),)),
    (1, 4, (("a|b<c>&`d`.py", 6),)),
)


def snapshot_of(blocks, limit=4, domain=0):
    traces = [(domain, size, frames, len(frames)) for count, size, frames in blocks for _ in range(count)]
    return tracemalloc.Snapshot(traces, limit)


def write_inputs(folder):
    before, after = snapshot_of(BEFORE), snapshot_of(AFTER)
    (folder / "before.pickle").write_bytes(pickle.dumps(before))
    (folder / "after.pickle").write_bytes(pickle.dumps(after))
    (folder / "after.pickle.gz").write_bytes(gzip.compress(pickle.dumps(after), mtime=0))
    (folder / "python3.8.pickle").write_bytes(pickle.dumps(with_three_fields(after), 4))
    (folder / "one-frame.pickle").write_bytes(pickle.dumps(snapshot_of([(c, s, f[:1]) for c, s, f in AFTER], limit=1)))
    (folder / "empty.pickle").write_bytes(pickle.dumps(snapshot_of(())))
    (folder / "odd.pickle").write_bytes(pickle.dumps(snapshot_of(ODD, limit=1)))
    arrays = snapshot_of([(2, 4096, ((UTIL, 7), (MAIN, 4)))], domain=389047)
    both = tracemalloc.Snapshot([*before.traces._traces, *arrays.traces._traces], 4)
    (folder / "numpy.pickle").write_bytes(pickle.dumps(both))
    (folder / "native.zst").write_bytes(native_file().encoded())
    (folder / "later-version.zst").write_bytes(native_file().changed(2, major=2).encoded())
    for name, changes in (
        ("later.zst", {7: 1_700_000_062_500_000_000}),
        ("other-program.zst", {2: b"/app/tool", 7: 1_700_000_062_500_000_000}),
        ("unknown-kind.zst", {1: 99}),
    ):
        (folder / name).write_bytes(replace(native_file(), forged=changes).encoded())
    write_series(folder)
    write_checked(folder)
    (folder / "notes.txt").write_text("no snapshot\n")
    (folder / "cut.pickle").write_bytes(pickle.dumps(before)[:-50])
    (folder / "evil.pickle").write_bytes(pickle.dumps(Evil()))


def write_series(folder):
    """A night of a program, a snapshot an hour: one line leaks, one is as large as ever. The files do
    not sort by name as they do by time."""
    (folder / "night").mkdir()
    (folder / "night" / "notes.txt").write_text("no snapshot\n")
    for hour in range(12):
        created = 1_700_000_000_000_000_000 + hour * 3_600_000_000_000
        sizes, counts = [1_000_000 + 65_536 * hour, 400_000, 2_000], [10 + 2 * hour, 4, 20]
        night = native_file().changed(LIVE_SIZES, payload=varints(*sizes)).changed(LIVE_COUNTS, payload=varints(*counts))
        night = replace(night, forged={7: created, 9: sum(sizes), 10: sum(sizes)})
        (folder / "night" / f"app.{(hour + 5) % 12}.zst").write_bytes(night.encoded())


def write_checked(folder):
    """A program of which nothing was lost, so that a check can judge it: two moments; samples of the
    second; all freed; threads missing; nothing traced."""
    # A third line of app.c in place of the address, which no file resolves here.
    frames, file = native_file().of(FRAMES).payload, native_file()
    file = file.changed(FRAMES, payload=frames[:10] + varints(0, 0, 1, 9, 8) + frames[10:-3])
    file = file.changed(NODES, payload=varints(0, 0, 0, 1, 0, 4, 0, 5, 3, 2, 2, 3))
    file = replace(file, forged={14: 0, 15: 0, 16: 0})
    for name, sizes, counts, changes in (
        ("old.zst", (1_000_000, 400_000, 0), (10, 4, 0), {7: 1_700_000_001_500_000_000}),
        ("new.zst", (1_300_000, 401_000, 2_000), (16, 4, 20), {}),
        ("sampled.zst", (1_300_000, 401_000, 2_000), (16, 4, 20), {12: 65_536}),
        ("freed.zst", (0, 0, 0), (0, 0, 0), {}),
        ("stuck.zst", (1_300_000, 401_000, 2_000), (16, 4, 20), {17: 1}),
        ("untraced.zst", (0, 0, 0), (0, 0, 0), {10: 0}),
    ):
        peaks = (0, 0, 0) if name == "untraced.zst" else (2_000_000, 402_000, 2_000)
        columns = {LIVE_SIZES: sizes, LIVE_COUNTS: counts, PEAK_SIZES: peaks, TOTAL_SIZES: peaks}
        if name == "untraced.zst":
            columns |= {PEAK_COUNTS: peaks, TOTAL_COUNTS: peaks}
        made = file
        for kind, numbers in columns.items():
            made = made.changed(kind, payload=varints(*numbers))
        if name == "sampled.zst":
            made = with_variances(made)
        extra = [(key, value) for key, value in changes.items() if key in (12, 17)]
        forged = made.forged | {9: sum(sizes), 10: sum(peaks)} | changes
        made = replace(made, metadata=sorted([*made.metadata, *extra], key=lambda entry: entry[0]), forged=forged)
        (folder / name).write_bytes(made.encoded())


def with_variances(file):
    sections = file.sections[:-1]
    for kind in range(17, 23, 2):
        sections.append(Section(kind, 3, struct.pack("<3d", 9e8, 1e8, 1e6)))
        sections.append(Section(kind + 1, 3, struct.pack("<3d", 9, 1, 100)))
    return replace(file, sections=[*sections, file.sections[-1]])


class Evil:
    def __reduce__(self):
        return print, ("this must never be printed",)
