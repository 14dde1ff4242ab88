"""The extension module alone: what it traces, beside tracemalloc.

    PYTHON core_tracing.py EXTENSION_FOLDER
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
EXTENSION_FOLDER = os.path.abspath(sys.argv.pop(1))
sys.path.insert(0, EXTENSION_FOLDER)

import _mtrace

WORKLOADS = Path(__file__).with_name("core_workloads.py")
MOMENT = 1 + next(n for n, line in enumerate(WORKLOADS.read_text().splitlines()) if "moments.append(" in line)


def run(*words, **variables):
    inherited = {key: value for key, value in os.environ.items() if key != "MTRACE"}
    environment = {**inherited, "PYTHONPATH": EXTENSION_FOLDER, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run([sys.executable, *map(str, words)], env=environment, check=True, timeout=100,
                          stdout=subprocess.PIPE, universal_newlines=True).stdout


class Beside(unittest.TestCase):
    """tracemalloc."""

    def moments(self, tracer, frames, workload, **variables):
        return [json.loads(line) for line in run(WORKLOADS, tracer, frames, workload, **variables).splitlines()]

    @staticmethod
    def rows_of_program(rows):
        """But for what the program keeps to tell of it."""
        kept = [row for row in rows if row[2][0][0] == WORKLOADS.name and row[2][0][1] != MOMENT]
        return {json.dumps(row[:3]): (row[3], row[4]) for row in kept}

    def same_rows(self, theirs, ours):
        """But for the few dead objects that wait in free lists when a tracer is asked."""
        for key in {*theirs, *ours}:
            (size, count), (their_size, their_count) = ours.get(key, (0, 0)), theirs.get(key, (0, 0))
            self.assertAlmostEqual(count, their_count, delta=3, msg=key)
            self.assertAlmostEqual(size, their_size, delta=80 * abs(count - their_count), msg=key)

    def compare(self, workload, frames, **variables):
        theirs = self.moments("tracemalloc", frames, workload, **variables)
        ours = self.moments("mtrace", frames, workload, **variables)
        self.assertEqual(len(theirs), len(ours))
        self.assertGreater(len(theirs), 0)
        for (their_rows, their_memory), (our_rows, our_memory) in zip(theirs, ours):
            self.same_rows(self.rows_of_program(their_rows), self.rows_of_program(our_rows))
            for their, our in zip(their_memory, our_memory):
                # What remains are those of the tracers themselves.
                self.assertAlmostEqual(their, our, delta=3000 + their * 0.02)
        return sum(len(self.rows_of_program(rows)) for rows, _ in ours)

    def test_workloads(self):
        for workload in ("blocks", "recursion", "turns", "generators", "coroutines", "threads", "cells"):
            for frames in (1, 25):
                with self.subTest(workload, frames=frames):
                    self.assertGreater(self.compare(workload, frames), 0)
        self.compare("library", 25)

    def test_long_stacks(self):
        """As long as what is remembered of a stack in one place or another, and longer."""
        for frames in (28, 29, 30, 31, 58, 59, 60, 61, 63, 64, 65, 200):
            with self.subTest(frames=frames):
                self.assertGreater(self.compare("recursion", frames), 0)

    def test_other_allocators(self):
        for allocator in ("malloc", "debug"):
            with self.subTest(allocator):
                self.compare("blocks", 5, PYTHONMALLOC=allocator)


class Traced(unittest.TestCase):
    def setUp(self):
        self.addCleanup(_mtrace.stop)

    def traceback_of(self, obj):
        found = _mtrace._get_object_traceback(obj)
        return None if found is None else found[0]

    def test_bounds(self):
        for frames in (0, -1, 65536):
            with self.assertRaisesRegex(ValueError, r"the number of frames must be in range \[1; 65535\]"):
                _mtrace.start(frames)
        self.assertFalse(_mtrace.is_tracing())
        self.assertEqual(_mtrace.get_traced_memory(), (0, 0))
        _mtrace.start(7)
        _mtrace.start(9)
        self.assertEqual(_mtrace.get_traceback_limit(), 7)
        _mtrace.stop()
        self.assertEqual(_mtrace._get_traces(), [])
        self.assertEqual(_mtrace.get_traceback_limit(), 7)
        with self.assertRaises(RuntimeError):
            _mtrace.write_snapshot("nowhere.zst")

    def test_counters(self):
        before = bytes(5000)
        _mtrace.start()
        start, _ = _mtrace.get_traced_memory()
        kept = [bytes(10000) for _ in range(100)]
        current, peak = _mtrace.get_traced_memory()
        self.assertGreaterEqual(current - start, 1_000_000)
        self.assertLess(current - start, 1_010_000)
        del kept[:90], before
        lower, same_peak = _mtrace.get_traced_memory()
        self.assertLess(lower, current - 900_000)
        self.assertGreaterEqual(same_peak, peak)
        _mtrace.reset_peak()
        self.assertLess(_mtrace.get_traced_memory()[1], 200_000)
        _mtrace.clear_traces()
        self.assertLess(_mtrace.get_traced_memory()[0], 5_000)
        del kept
        self.assertGreaterEqual(_mtrace.get_traced_memory()[0], 0)

    def test_moved_blocks(self):
        _mtrace.start()
        grown = bytearray(100)
        for size in (1000, 100_000, 10_000_000, 50):
            grown[:] = bytes(size)
        line = sys._getframe().f_lineno - 1
        found = [trace for trace in _mtrace._get_traces() if trace[2][0] == (__file__, line)]
        self.assertEqual(len(found), 1)
        self.assertLess(found[0][1], 200)

    def test_metrics(self):
        _mtrace.start(5)
        for _ in range(3):
            bytes(1_000_000)
        line = sys._getframe().f_lineno - 1
        rows, tracebacks, functions, metrics = _mtrace._get_snapshot()
        own = [row for row in metrics if tracebacks[row[7]][0][0] == (__file__, line)]
        self.assertEqual([row[5] // 1_000_000 for row in own], [3])
        self.assertEqual([(row[2], row[4], row[6]) for row in own], [(0, 1, 3)])
        self.assertTrue(functions[own[0][7]][0].endswith("test_metrics"))
        self.assertEqual(len(tracebacks), len(functions))
        self.assertTrue(all(row[3] < len(tracebacks) for row in rows))

    def test_rows_are_the_traces(self):
        _mtrace.start(25)
        kept = [bytes(i % 50) * 20 for i in range(1000)]
        rows, tracebacks, _ = _mtrace._get_rows()
        traces = _mtrace._get_traces()
        expanded = [(domain, size, *tracebacks[index]) for domain, size, count, index in rows for _ in range(count)]
        line = sys._getframe().f_lineno - 4
        here = lambda traces: sorted(trace for trace in traces if trace[2][0] == (__file__, line))
        self.assertEqual(here(expanded), here(traces))
        self.assertGreater(len(here(traces)), 900)
        sums, tracebacks, _ = _mtrace._get_rows(False)
        sizes = [row[1] for row in sums if tracebacks[row[3]][0][0] == (__file__, line)]
        self.assertEqual(sum(sizes), sum(trace[1] for trace in here(traces)))
        self.assertEqual(len(kept), 1000)

    def test_codes_that_end(self):
        """A new code may lie where one lay that is no more."""
        _mtrace.start(3)
        kept = []
        for i in range(3000):
            space = {}
            exec(compile("value = bytes(1000)", f"<made {i}>", "exec"), space)
            kept.append(space["value"])
            space["value"] = None
        for i, value in enumerate(kept):
            self.assertEqual(self.traceback_of(value)[0], (f"<made {i}>", 1))

    def test_odd_names(self):
        _mtrace.start()
        for name in ("caf\xe9.py", "\u65e5\u672c.py", "\U0001f40d.py", "bad\udc80\udcff.py", "", "x" * 100_000):
            space = {}
            exec(compile("value = bytes(1000)", name, "exec"), space)
            self.assertEqual(self.traceback_of(space["value"])[0][0][:60_000], name[:60_000])

    def test_deep_stacks(self):
        def descend(depth):
            return descend(depth - 1) if depth else bytes(1000)

        limit = sys.getrecursionlimit()
        self.addCleanup(sys.setrecursionlimit, limit)
        sys.setrecursionlimit(6000)
        for frames in (1, 64, 65535):
            _mtrace.start(frames)
            value = descend(3000)
            traceback, total = _mtrace._get_object_traceback(value)
            self.assertGreater(total, 3000)
            self.assertEqual(len(traceback), min(frames, total))
            _mtrace.stop()

    def test_threads(self):
        _mtrace.start()
        kept = []
        line = sys._getframe().f_lineno + 3

        def work():
            kept.append([bytes(1000) for _ in range(5000)])

        workers = [threading.Thread(target=work) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(self.counts(line), 40_000)
        kept.clear()
        self.assertEqual(self.counts(line), 0)

    def counts(self, line):
        rows, tracebacks, _ = _mtrace._get_rows()
        return sum(count for _, size, count, index in rows
                   if size > 1000 and size < 2000 and tracebacks[index][0][0] == (__file__, line))

    def test_fork(self):
        _mtrace.start()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                value = bytes(5000)
                status = 0 if _mtrace.is_tracing() and self.traceback_of(value) else 2
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_snapshot_file(self):
        with tempfile.TemporaryDirectory() as folder:
            _mtrace.start(10)
            path = os.path.join(folder, "a.zst")
            _mtrace.write_snapshot(path)
            with open(path, "rb") as file:
                self.assertEqual(file.read(4), b"\x5d\x2a\x4d\x18")
            with self.assertRaises(FileNotFoundError):
                _mtrace.write_snapshot(os.path.join(folder, "no", "a.zst"))
            self.assertEqual(os.listdir(folder), ["a.zst"])

    def test_work(self):
        _mtrace.add_work()
        _mtrace.add_work(41)
        for wrong, error in (((-1,), OverflowError), (("x",), TypeError), ((1, 2), TypeError), ((1.5,), TypeError)):
            with self.assertRaises(error):
                _mtrace.add_work(*wrong)

    def test_nothing_grows(self):
        def resident():
            with open("/proc/self/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

        def cycle():
            for i in range(300):
                _mtrace.start(1 + i % 3)
                value = [i, {}]
                _mtrace.stop()
            _mtrace.start(5)
            for _ in range(30):
                _mtrace._get_snapshot()
                _mtrace._get_traces()
            _mtrace.stop()
            return value

        cycle()
        before, tracer_before = resident(), _mtrace.get_tracemalloc_memory()
        for _ in range(5):
            cycle()
        self.assertLess(resident() - before, 1 << 20)
        self.assertLess(_mtrace.get_tracemalloc_memory() - tracer_before, 1 << 18)


if __name__ == "__main__":
    unittest.main()
