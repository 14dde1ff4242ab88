"""Snapshots in files: dumps and snapshot files, written, read, and refused.

    PYTHON files.py PACKAGE_FOLDER COMMAND
"""

import copy
import gzip
import os
import pickle
import sys
import tempfile
import tracemalloc
import unittest
from pathlib import Path

from package_under_test import TESTDATA, top

import mtrace
from mtrace.rows import Rows, RowTraces, Tracebacks, fold

INNER, OUTER = ("/app/cache.py", 30), ("/app/main.py", 7)


def trace(size, *frames, domain=0, total=None):
    return (domain, size, frames, total or len(frames))


TRACES = [
    trace(100, INNER, OUTER, total=9),
    trace(100, INNER, OUTER, total=9),
    trace(250, INNER),
    trace(2**40, ("/app/\udcff'é\U0001f600.py", 70000), OUTER, domain=389047),
    trace(0, ("<unknown>", 0)),
]


def rows_with_metrics():
    """Two tracebacks, whose three metrics differ."""
    tracebacks = Tracebacks(
        [((INNER, OUTER), 2), ((OUTER,), 1)], [("Cache.put", "main"), ("main",)]
    )
    metrics = {
        "live": Rows.of([(0, 0, 3000, 3), (1, 0, 500, 5)]),
        "peak": Rows.of([(0, 0, 9000, 9)]),
        "total": Rows.of([(0, 0, 12000, 12), (1, 0, 700, 7)]),
    }
    return RowTraces(tracebacks, metrics, {"pid": 42, "command": ["app", "-x"], "peak": 9000})


def many_blocks(count):
    """A snapshot of *count* blocks in a thousand rows."""
    each = count // 1000
    frames = [((f"/app/{i}.py", i),) for i in range(1000)]
    live = Rows.of((i, 0, (i + 16) * each, each) for i in range(1000))
    tracebacks = Tracebacks([(f, 1) for f in frames], [("f",)] * 1000)
    return mtrace.Snapshot(RowTraces(tracebacks, {"live": live}), 1)


def texts(statistics):
    return [str(statistic) for statistic in statistics]


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "snapshot"


class Dumps(InFolder):
    def test_everybody_reads_the_same(self):
        for traces in (TRACES, fold(TRACES), [], [TRACES[0]] * 2500):
            snapshot = mtrace.Snapshot(traces, 25)
            snapshot.dump(self.path)
            self.assertEqual(tracemalloc.Snapshot.load(self.path).traces._traces, list(traces))
            loaded = mtrace.Snapshot.load(self.path)
            self.assertEqual(loaded.traces._traces, list(traces))
            self.assertEqual(loaded.traceback_limit, 25)
            self.assertEqual(top(self.path), texts(snapshot.statistics("lineno")))

    def test_attributes_of_ones_own(self):
        snapshot = mtrace.Snapshot(list(TRACES), 3)
        snapshot.label, snapshot.notes = "monday", {"a": [1, "x" * 300, None]}
        snapshot.dump(self.path)
        for load in (mtrace.Snapshot.load, tracemalloc.Snapshot.load):
            loaded = load(self.path)
            self.assertEqual((loaded.label, loaded.notes), (snapshot.label, snapshot.notes))

    def test_blocks_beyond_number_are_cheap(self):
        before = sys.getallocatedblocks()
        snapshot = many_blocks(3_000_000)
        self.assertEqual(len(snapshot.traces), 3_000_000)
        self.assertEqual(snapshot.traces[-1].size, 999 + 16)
        self.assertEqual(snapshot.statistics("filename")[0].count, 3000)
        self.assertLess(sys.getallocatedblocks() - before, 30_000)
        snapshot.dump(self.path)
        self.assertEqual(top(self.path), texts(snapshot.statistics("lineno")))

    def test_of_every_version(self):
        paths = sorted((TESTDATA / "tracemalloc").glob("python3.*.pickle"))
        self.assertGreater(len(paths), 5)
        for path in paths:
            snapshot = mtrace.Snapshot.load(path)
            self.assertEqual(texts(snapshot.statistics("lineno")), top(path), path)
            self.assertEqual(
                texts(snapshot.statistics("traceback")), top(path, "-g", "traceback"), path
            )

    def test_packed(self):
        for path in sorted((TESTDATA / "tracemalloc").glob("dump.pickle.*")):
            self.assertEqual(
                texts(mtrace.Snapshot.load(path).statistics("filename")),
                top(path, "-g", "filename"),
            )
        self.path.write_bytes(gzip.compress(pickle.dumps(mtrace.Snapshot(list(TRACES), 1))))
        self.assertEqual(mtrace.Snapshot.load(self.path).traces._traces, TRACES)

    def test_pickle_and_copy(self):
        for traces in (TRACES, fold(TRACES)):
            snapshot = mtrace.Snapshot(traces, 25)
            for protocol in range(3, pickle.HIGHEST_PROTOCOL + 1):
                data = pickle.dumps(snapshot, protocol)
                self.assertEqual(pickle.loads(data).traces, snapshot.traces)
                self.path.write_bytes(data)
                self.assertEqual(mtrace.Snapshot.load(self.path).traces, snapshot.traces)
            self.assertEqual(copy.deepcopy(snapshot).traces, snapshot.traces)


class Mischief:
    ran = False

    def __reduce__(self):
        return (setattr, (Mischief, "ran", True))


class Refusals(InFolder):
    def refused(self, data, error, pattern):
        self.path.write_bytes(data)
        with self.assertRaisesRegex(error, pattern):
            mtrace.Snapshot.load(self.path)

    def test_classes_are_refused_by_name(self):
        snapshot = mtrace.Snapshot(list(TRACES), 1)
        snapshot.mischief = Mischief()
        snapshot.dump(self.path)
        with self.assertRaisesRegex(pickle.UnpicklingError, r"builtins\.setattr"):
            mtrace.Snapshot.load(self.path)
        self.refused(pickle.dumps(Mischief()), pickle.UnpicklingError, r"builtins\.setattr")
        self.refused(b"\x80\x04cos\nsystem\n.", pickle.UnpicklingError, r"os\.system")
        self.refused(b"\x80\x04cmtrace\nstart\n.", pickle.UnpicklingError, r"mtrace\.start")
        self.assertFalse(Mischief.ran)

    def test_no_snapshot(self):
        for thing in ({}, [], 1, "x", None, TRACES):
            self.refused(pickle.dumps(thing), pickle.UnpicklingError, "does not hold a snapshot")
        self.refused(pickle.dumps(mtrace.Snapshot([], 1))[:-5], Exception, "")

    def test_no_file_of_ours(self):
        self.refused(b"", ValueError, "snapshot")
        self.refused(b"hello" * 100, ValueError, "snapshot")
        whole = (TESTDATA / "snapshots" / "version-1.0.zst").read_bytes()
        self.refused(whole[:-7], ValueError, "snapshot")
        with self.assertRaises(FileNotFoundError):
            mtrace.Snapshot.load(self.folder / "missing")


class SnapshotFiles(InFolder):
    def test_every_metric_there_and_back(self):
        snapshot = mtrace.Snapshot(rows_with_metrics(), 7)
        snapshot.write(self.path)
        loaded = mtrace.Snapshot.load(self.path)
        self.assertEqual(loaded.metrics, ("live", "peak", "total"))
        self.assertEqual(loaded.traceback_limit, 7)
        self.assertEqual(loaded.metadata["pid"], 42)
        self.assertEqual(loaded.metadata["command"], ["app", "-x"])
        for metric in loaded.metrics:
            for key in ("lineno", "filename", "traceback"):
                expected = snapshot.statistics(key, metric=metric)
                self.assertEqual(loaded.statistics(key, metric=metric), expected)
                self.assertEqual(
                    texts(expected), top(self.path, "-g", key, "-m", metric), (metric, key)
                )
        inner = loaded.statistics("lineno")[0].traceback[0]
        self.assertEqual((inner.filename, inner.lineno, inner.function), (*INNER, "Cache.put"))
        self.assertEqual(loaded.traces[0].traceback[0].function, "main")

    def test_memory_work_and_labels(self):
        told = {"work": 7, "labels": {"release": "1.7"}, "resident": 4096, "held": 2048, "free": 0}
        rows = rows_with_metrics()
        rows.metadata.update(told)
        mtrace.Snapshot(rows, 7).write(self.path)
        metadata = mtrace.Snapshot.load(self.path).metadata
        self.assertEqual({name: metadata[name] for name in told}, told)

    def test_work_of_a_child(self):
        """It has done nothing of what its parent did."""
        mtrace.add_work(100)
        mtrace.start(1)
        try:
            child = os.fork()
            if child == 0:
                mtrace.add_work(5)
                mtrace.write_snapshot(self.path)
                os._exit(0)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        finally:
            mtrace.stop()
        self.assertEqual(mtrace.Snapshot.load(self.path).metadata["work"], 5)

    def test_of_a_dump(self):
        mtrace.Snapshot(list(TRACES), 25).write(self.path)
        loaded = mtrace.Snapshot.load(self.path)
        self.assertEqual(loaded.metrics, ("live",))
        for key in ("lineno", "traceback"):
            self.assertEqual(
                loaded.statistics(key), mtrace.Snapshot(list(TRACES), 25).statistics(key)
            )
        with self.assertRaisesRegex(ValueError, "no peak metric"):
            loaded.statistics("lineno", metric="peak")
        with self.assertRaisesRegex(ValueError, "unknown metric"):
            loaded.statistics("lineno", metric="pique")

    def test_blocks_add_up_to_their_rows(self):
        rows = RowTraces(Tracebacks([((INNER,), 1)], [("",)]), {"live": Rows.of([(0, 0, 11, 3)])})
        self.assertEqual([block[1] for block in rows], [4, 4, 3])
        self.assertEqual([rows[i][1] for i in (0, 1, 2, -1)], [4, 4, 3, 3])

    def test_file_of_version_1(self):
        path = TESTDATA / "snapshots" / "version-1.0.zst"
        loaded = mtrace.Snapshot.load(path)
        total = sum(statistic.size for statistic in loaded.statistics("traceback"))
        self.assertEqual(total, sum(block.size for block in loaded.traces))
        self.assertGreater(total, 0)

    def test_whole_or_not_at_all(self):
        snapshot = mtrace.Snapshot(list(TRACES), 25)
        with self.assertRaises(OSError):
            snapshot.write(self.folder / "missing" / "x.zst")
        broken = mtrace.Snapshot([trace(-1, INNER)], 1)
        with self.assertRaises((OSError, OverflowError)):
            broken.write(self.path)
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
