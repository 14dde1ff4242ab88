"""The growth reporter, and limits in unittest.

    PYTHON growth.py PACKAGE_FOLDER
"""

import asyncio
import json
import logging
import os
import tempfile
import threading
import time
import unittest
import warnings
from pathlib import Path

from package_under_test import python

import mtrace
import mtrace.testing
from mtrace.growth import Baseline

HERE = (lambda: None).__code__.co_filename
LEAK = ("app.py", 12)
CACHE = ("app.py", 40)
kept = []


def grown(baseline, now, seconds):
    return [
        (line.lineno, line.size_diff, line.size, line.windows, line.seconds)
        for line in baseline.add(now, {LEAK: "leak"}, seconds)
    ]


class Baselines(unittest.TestCase):
    def test_threshold(self):
        baseline = Baseline(100)
        self.assertEqual(grown(baseline, {LEAK: (1000, 10)}, 0), [])
        self.assertEqual(grown(baseline, {LEAK: (1100, 11)}, 10), [])
        self.assertEqual(grown(baseline, {LEAK: (1101, 12)}, 20), [(12, 101, 1101, 2, 20)])

    def test_slow_growth_adds_up(self):
        baseline, all_grown = Baseline(100), []
        for i in range(7):
            all_grown += grown(baseline, {LEAK: (1000 + 40 * i, 1)}, 10 * i)
        self.assertEqual(all_grown, [(12, 120, 1120, 3, 30), (12, 120, 1240, 6, 30)])

    def test_shrinking(self):
        baseline = Baseline(100)
        for seconds, size in enumerate((1000, 1090, 500)):
            self.assertEqual(grown(baseline, {LEAK: (size, 1)}, seconds), [])
        self.assertEqual(grown(baseline, {LEAK: (601, 1)}, 3), [(12, 101, 601, 1, 1)])

    def test_new_and_gone(self):
        baseline = Baseline(100)
        self.assertEqual(grown(baseline, {}, 0), [])
        self.assertEqual(grown(baseline, {CACHE: (300, 3)}, 10), [(40, 300, 300, 1, 10)])
        self.assertEqual(grown(baseline, {}, 20), [])
        self.assertEqual(grown(baseline, {CACHE: (300, 3)}, 30), [(40, 300, 300, 1, 10)])

    def test_words(self):
        line = mtrace.GrownLine("app.py", 12, "leak", 3 << 20, 1 << 20, 12, 4, 1, 61.2)
        self.assertEqual(str(line), "app.py:12 in leak: +1024 KiB to 3072 KiB in 61 s, grew in 1 window")
        line.windows, line.function = 5, None
        self.assertEqual(str(line), "app.py:12: +1024 KiB to 3072 KiB in 61 s, grew in 5 windows in a row")

    def test_order(self):
        baseline = Baseline(0)
        grown(baseline, {}, 0)
        self.assertEqual([line[0] for line in grown(baseline, {LEAK: (5, 1), CACHE: (7, 1)}, 1)], [40, 12])


def validate(documents):
    """Against the schema, where the interpreter has a validator."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        return
    schema = json.loads((Path(__file__).resolve().parents[2] / "formats" / "growth.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    for document in documents:
        Draft202012Validator(schema).validate(document)


def leak_until(condition):
    """Allocates 40,000 bytes a window until the condition holds, for at most ten seconds."""
    for _ in range(200):
        if condition():
            return True
        kept.append([bytes(1000) for _ in range(40)])  # the leak
        time.sleep(0.05)
    return False


LEAK_LINE = next(i for i, text in enumerate(Path(__file__).read_text().splitlines(), 1) if "# the leak" in text)


def is_leak(line):
    return line.filename == HERE and line.lineno == LEAK_LINE


class Reporters(unittest.TestCase):
    def setUp(self):
        self.addCleanup(kept.clear)

    def test_callback(self):
        lines = []
        with mtrace.report_growth(every=0.05, threshold="50 KiB", callback=lines.append):
            self.assertTrue(mtrace.is_tracing())
            self.assertTrue(leak_until(lambda: sum(map(is_leak, lines)) >= 3))
        self.assertFalse(mtrace.is_tracing())
        leaks = [line for line in lines if is_leak(line)]
        for line in leaks:
            self.assertGreater(line.size_diff, 50 << 10)
            self.assertEqual(line.function, "leak_until")
            self.assertGreater(line.seconds, 0)
            self.assertGreaterEqual(line.windows, 1)
        self.assertRegex(str(leaks[2]), r"growth\.py:\d+ in leak_until: \+\d.* to \d.*, grew in \d+ window")
        # Nothing of its own, and nothing after the end.
        self.assertFalse([line for line in lines if "mtrace" in line.filename.split(os.sep)[-2:-1]])
        number = len(lines)
        self.assertFalse(any(thread.name == "mtrace-growth" for thread in threading.enumerate()))
        time.sleep(0.2)
        self.assertEqual(len(lines), number)

    def test_own_memory_is_not_counted(self):
        mtrace.start()
        self.addCleanup(mtrace.stop)
        lines = []
        with mtrace.report_growth(every=0.02, threshold=0, callback=lines.append) as reporter:
            time.sleep(0.5)
            self.assertTrue(reporter._baseline._lines)
        self.assertTrue(mtrace.is_tracing())
        package = os.path.dirname(mtrace.__file__) + os.sep
        self.assertFalse([line for line in lines if line.filename.startswith(package)])

    def test_logging(self):
        with self.assertLogs("app.memory", "WARNING") as logs:
            with mtrace.report_growth(every=0.05, logger="app.memory", filters=[mtrace.Filter(True, HERE)]):
                self.assertTrue(leak_until(lambda: logs.records))
        self.assertTrue(is_leak(logs.records[0].growth))
        self.assertIn("in leak_until: +", logs.records[0].getMessage())

    def test_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "growth.jsonl"
            with mtrace.report_growth(every=0.05, file=path, filters=[mtrace.Filter(True, HERE)]):
                self.assertTrue(leak_until(lambda: path.read_bytes().count(b"\n") >= 2))
            lines = [json.loads(line) for line in path.read_text().splitlines()]
        validate(lines)
        for line in lines:
            self.assertEqual((line["schema"], line["pid"]), ("mtrace.growth/1", os.getpid()))
            self.assertEqual((line["filename"], line["lineno"]), (HERE, LEAK_LINE))
            self.assertEqual(
                list(line),
                ["schema", "time", "pid", "filename", "lineno", "function", "module"]
                + ["size", "size_diff", "count", "count_diff", "windows", "seconds"],
            )

    def test_callback_that_fails(self):
        def fail(line):
            raise RuntimeError("no")

        with self.assertLogs("mtrace", "ERROR") as logs, mtrace.report_growth(every=0.05, callback=fail):
            self.assertTrue(leak_until(lambda: len(logs.records) >= 2))

    def test_stop_in_callback(self):
        reporters, calls = [], []

        def stop(line):
            calls.append(line)
            reporters[0].stop()

        reporters.append(mtrace.report_growth(every=0.05, callback=stop))
        self.assertTrue(leak_until(lambda: calls))
        reporters[0]._thread.join(10)
        self.assertEqual(len(calls), 1)
        self.assertFalse(mtrace.is_tracing())

    def test_fork(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "growth.jsonl"
            with mtrace.report_growth(every=0.05, file=path):
                with warnings.catch_warnings():
                    # From 3.12 on, of any thread.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    child = os.fork()
                if child == 0:
                    own = f'"pid": {os.getpid()},'.encode()
                    os._exit(0 if leak_until(lambda: own in path.read_bytes()) else 1)
                self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_end_of_the_program(self):
        code = "import mtrace\nmtrace.report_growth(every=0.01)\nx = [bytes(1000) for i in range(100)]"
        done = python("-c", code)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_wrong_use(self):
        for options in ({"every": 0}, {"every": -1}, {"threshold": "much"}):
            with self.assertRaises(ValueError):
                mtrace.report_growth(**options)
        with self.assertRaises(OSError):
            mtrace.report_growth(file="/nowhere/growth.jsonl")
        self.assertFalse(mtrace.is_tracing())


class Limits(unittest.TestCase):
    def outcome(self, case, name):
        result = unittest.TestResult()
        case(name).run(result)
        return [text for _, text in result.failures + result.errors]

    def setUp(self):
        class Held(mtrace.testing.MemoryLimits, unittest.TestCase):
            max_growth = "64 KiB"

            def setUp(self):
                kept.append(bytes(200_000))  # does not count

            def test_within(self):
                kept.append(bytes(1000))

            def test_beyond(self):
                kept.append(bytes(100_000))

            @mtrace.testing.memory_limit(max_growth="1 MiB")
            def test_own_limit(self):
                kept.append(bytes(100_000))

            @mtrace.testing.memory_limit(max_peak="1 MiB")
            def test_own_peak(self):
                bytes(2_000_000)

        self.held = Held
        self.addCleanup(kept.clear)

    def test_mixin(self):
        self.assertEqual(self.outcome(self.held, "test_within"), [])
        (text,) = self.outcome(self.held, "test_beyond")
        self.assertIn("exceeds the limit of 64.0 KiB", text)
        self.assertIn("the lines that grew most:", text)
        self.assertRegex(text, r"growth\.py:\d+: size=97\.7 KiB")

    def test_decorator(self):
        self.assertEqual(self.outcome(self.held, "test_own_limit"), [])
        (text,) = self.outcome(self.held, "test_own_peak")
        self.assertIn("memory peak", text)
        with self.assertRaises(ValueError):
            mtrace.testing.memory_limit(max_peak="much")

    def test_coroutines(self):
        class Held(mtrace.testing.MemoryLimits, unittest.IsolatedAsyncioTestCase):
            max_growth = "64 KiB"

            async def test_beyond(self):
                await asyncio.sleep(0)
                kept.append(bytes(1_000_000))

            @mtrace.testing.memory_limit(max_growth="1 KiB")
            async def test_own_limit(self):
                await asyncio.sleep(0)
                kept.append(bytes(100_000))

        for name in ("test_beyond", "test_own_limit"):
            (text,) = self.outcome(Held, name)
            self.assertIn("memory growth", text)


if __name__ == "__main__":
    logging.disable(logging.NOTSET)
    unittest.main()
