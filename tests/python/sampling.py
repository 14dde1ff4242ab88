"""Sampling in Python: estimates, beside exact counts of the same: unbiased, and off by as much as they say.

    PYTHON sampling.py PACKAGE_FOLDER COMMAND

The bounds are six standard deviations: they fail by chance once in a hundred million times.
"""

import gc
import json
import math
import os
import pickle
import tempfile
import unittest
from pathlib import Path

from package_under_test import COMMAND, python, run

import mtrace

HERE = (lambda: None).__code__.co_filename
RATE = 8192
RUNS = 40
KIBI = 1024


# --- each of these lines allocates the same at each run ---


def keep_small(kept):
    kept.append([object() for _ in range(4000)])


def keep_large(kept):
    kept.extend(bytes(600 + n * 37 % 5000) for n in range(200))


def free_at_once(kept):
    for n in range(4000):
        str(n + 1_000_000)


def grow(kept):
    for n in range(40):
        data = bytearray()
        for size in range(100, 6000, 400):
            data += bytes(size)
        kept.append(data)


def numbers(kept):
    """Floats come from a free list, where earlier ones of other lines have left their memory."""
    for n in range(3000):
        n / 7 + 1
    kept.append([n / 3 for n in range(3000)])


def tables(kept):
    kept.extend({"n": n, "text": "x", "pair": (n, n)} for n in range(400))


WORK = (keep_small, keep_large, free_at_once, grow, numbers, tables)


def work():
    kept = []
    for part in WORK:
        part(kept)
    return kept


def measure(**options):
    """{(metric, function, "size" or "count"): (value, standard error or None)}."""
    gc.collect()
    mtrace.start(5, **options)
    kept = work()
    snapshot = mtrace.take_snapshot()
    mtrace.stop()
    del kept
    found = {}
    for metric in ("live", "total"):
        for statistic in snapshot.statistics("traceback", metric=metric):
            # What is inlined in a later version, such as a comprehension, is a frame of its own before.
            names = [frame.function for frame in statistic.traceback]
            name = next((part.__name__ for part in WORK if part.__name__ in names), None)
            if name is None:
                continue
            for what in ("size", "count"):
                value, variance = found.get((metric, name, what), (0, 0.0))
                error = getattr(statistic, what + "_error")
                variance = None if error is None else variance + error**2
                found[metric, name, what] = value + getattr(statistic, what), variance
    return {key: (value, None if v is None else math.sqrt(v)) for key, (value, v) in found.items()}


def top(path):
    """What the command prints of a snapshot, as JSON."""
    return json.loads(run(COMMAND, "top", "--format=json", path).stdout)


class Estimates(unittest.TestCase):
    def test_unbiased(self):
        work()
        counted = measure()
        # Each block is a sample. The total differs: exact tracing also counts lives from free lists.
        exact = measure(sample=1)
        for (metric, name, what), (value, no_error) in counted.items():
            self.assertIsNone(no_error)
            if metric == "live":
                self.assertAlmostEqual(exact[metric, name, what][0], value, delta=2 + 0.01 * value, msg=(name, what))
        runs = [measure(sample=RATE) for _ in range(RUNS)]
        squares, variances, near, estimates = 0.0, 0, 0, 0
        for key, (truth, _) in sorted(exact.items()):
            found = [run.get(key, (0, 0.0)) for run in runs]
            off = [value - truth for value, _ in found]
            variance = sum(error * error for _, error in found) / RUNS
            self.assertGreater(variance, 0, key)
            # What the interpreter's caches keep from an earlier run is some blocks more or less.
            slack = 0.002 * truth
            self.assertLess(abs(sum(off) / RUNS), 6 * math.sqrt(variance / RUNS) + slack, (key, truth))
            squares += sum(one * one for one in off) / RUNS / variance
            variances += 1
            near += sum(abs(one) <= 2 * error for one, (_, error) in zip(off, found))
            estimates += RUNS
        self.assertEqual({(metric, name) for metric, name, _ in exact},
                         {(metric, part.__name__) for part in WORK for metric in ("live", "total")}
                         - {("live", "free_at_once")})  # fmt: skip
        honesty, coverage = squares / variances, near / estimates
        print(f"{estimates} estimates: squared errors are {honesty:.2f} of the variances; {coverage:.3f} within two")
        self.assertTrue(0.4 < honesty < 2.0, honesty)
        self.assertGreater(coverage, 0.8)


class Interface(unittest.TestCase):
    def tearDown(self):
        mtrace.stop()

    def test_values(self):
        for sample, rate in ((None, 0), (0, 0), (4096, 4096), ("512KiB", 512 * KIBI), ("1 MiB", 1 << 20)):
            mtrace.start(1, sample=sample)
            self.assertEqual(mtrace._mtrace._get_sampling_rate(), rate)
            mtrace.stop()
        for sample, error in ((-1, ValueError), ("much", ValueError), (1.5, TypeError), (1 << 70, OverflowError)):
            with self.assertRaises(error):
                mtrace.start(1, sample=sample)
            self.assertFalse(mtrace.is_tracing())

    def test_error_bars(self):
        """In statistics, in differences, in files, and after a pickle."""
        mtrace.start(1, sample=1024)
        before = mtrace.take_snapshot()
        kept = [bytes(500 + n) for n in range(1000)]
        taken = mtrace.take_snapshot()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.zst")
            taken.write(path)
            loaded = mtrace.Snapshot.load(path)
            shown = top(path)
        pickled = pickle.loads(pickle.dumps(taken))
        line = next(s for s in taken.statistics("lineno") if s.traceback[0].filename == HERE)
        self.assertGreater(line.size, 250_000)
        self.assertGreater(line.size_error, 0)
        self.assertRegex(str(line), r"size=\d+ KiB ± [\d.]+ (KiB|B), count=\d+ ± \d+, average=")
        for snapshot in (loaded, pickled, taken.filter_traces([])):
            same = next(s for s in snapshot.statistics("lineno") if s.traceback[0].filename == HERE)
            self.assertEqual((same.size, same.count), (line.size, line.count))
            self.assertAlmostEqual(same.size_error, line.size_error, places=3)
            self.assertEqual(snapshot.metadata["sampling_rate"], 1024)
        only = taken.filter_traces([mtrace.Filter(True, HERE)]).statistics("filename")
        self.assertEqual(len(only), 1)
        self.assertGreaterEqual(only[0].size_error, line.size_error)
        change = next(c for c in taken.compare_to(before, "lineno") if c.traceback == line.traceback)
        self.assertEqual((change.size_diff, round(change.size_error, 3)), (line.size, round(line.size_error, 3)))
        self.assertRegex(str(change), r"size=\d+ KiB \(\+\d+ KiB ± ")
        self.assertEqual(shown["snapshot"]["sampling_rate"], 1024)
        self.assertGreater(shown["statistics"][0]["standard_error"]["size"], 0)
        del kept

    def test_exact_is_as_before(self):
        mtrace.start(1)
        kept = bytes(5000)
        statistic = mtrace.take_snapshot().statistics("lineno")[0]
        self.assertEqual((statistic.size_error, statistic.count_error), (None, None))
        self.assertNotIn("±", str(statistic))
        del kept

    def test_object(self):
        """Of a block that is sampled the traceback is known, of others it is not."""
        mtrace.start(3, sample=1)
        kept = bytes(100_000)
        self.assertEqual(mtrace.get_object_traceback(kept)[-1].lineno, self.test_object.__func__.__code__.co_firstlineno + 3)
        mtrace.stop()
        mtrace.start(3, sample=1 << 50)
        self.assertIsNone(mtrace.get_object_traceback(bytes(1000)))

    def test_budget(self):
        mtrace.start(1, sample=1024)
        with self.assertRaisesRegex(RuntimeError, "a budget needs every block"):
            with mtrace.budget(max_peak="1 MiB"):
                pass

    def test_again(self):
        """Another rate, then none: what one tracing left does not reach the next."""
        for sample in (64, 1 << 40, None, 64):
            mtrace.start(1, sample=sample)
            kept = [bytes(1000) for _ in range(1000)]
            found = [s for s in mtrace.take_snapshot().statistics("lineno")
                     if s.traceback[0].filename == HERE and s.size > 500_000]  # fmt: skip
            self.assertEqual(len(found), 0 if sample == 1 << 40 else 1, sample)
            mtrace.stop()
            del kept


STARTUP = str(Path(__file__).resolve().parents[2] / "src" / "python" / "mtrace_startup.py")
PROGRAM = "kept = [bytes(3000 + n) for n in range(2000)]"


class Started(unittest.TestCase):
    """By a command, by the environment."""

    def check(self, *words, **environment):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.zst"
            done = python(*[word.replace("PATH", str(path)) for word in words],
                          **{name: value.replace("PATH", str(path)) for name, value in environment.items()})  # fmt: skip
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            found = top(path)
        snapshot, first = found["snapshot"], found["statistics"][0]
        self.assertEqual((snapshot["sampling_rate"], snapshot["labels"]), (16384, {"release": "1,7", "a": "50%"}))
        self.assertEqual(first["traceback"][0]["filename"], "<string>")
        self.assertLess(abs(first["size"] - 8_000_000), 8 * first["standard_error"]["size"])

    def test_command(self):
        self.check("-m", "mtrace", "run", "-o", "PATH", "--sample", "16KiB", "--label", "release=1,7", "--label=a=50%",
                   "-c", PROGRAM)  # fmt: skip

    def test_environment(self):
        self.check("-c", f"exec(open({STARTUP!r}).read())\nbegin()\n{PROGRAM}",
                   MTRACE="25,sample=16KiB,label=release=1%2C7,label=a=50%25,output=PATH")  # fmt: skip

    def test_refused(self):
        for words in (["--sample", "much"], ["--sample=0"], ["--label", "release"]):
            done = python("-m", "mtrace", "run", *words, "-c", "pass")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, r"\Amtrace: .*\n\Z")


if __name__ == "__main__":
    unittest.main()
