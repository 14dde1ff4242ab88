"""What is done again and again leaves nothing behind.

    PYTHON leaks.py PACKAGE_FOLDER COMMAND
"""

import os
import tempfile
import threading
import unittest
from pathlib import Path

import package_under_test  # noqa: F401  says where the package is

import mtrace

MIB = 1 << 20


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class Leaks(unittest.TestCase):
    def tearDown(self):
        mtrace.stop()

    def assert_flat(self, work, times):
        for _ in range(max(times // 4, 1)):
            work()
        before = resident()
        for _ in range(times):
            work()
        self.assertLess(resident() - before, MIB)

    def test_start_and_stop(self):
        # A page a cycle would be 8 MiB.
        frames = iter(range(10**9))

        def cycle():
            mtrace.start(1 + next(frames) % 30)
            kept = [str(i) for i in range(20)]
            mtrace.stop()
            return kept

        self.assert_flat(cycle, 2000)

    def test_native_frames(self):
        def cycle():
            mtrace.start(25, native=True)
            kept = sorted([str(i) for i in range(20)], key=lambda text: text + "x")
            mtrace.stop()
            return kept

        self.assert_flat(cycle, 500)

    def test_threads(self):
        mtrace.start(5)

        def cycle():
            threads = [threading.Thread(target=lambda: [str(i) for i in range(20)]) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        self.assert_flat(cycle, 200)

    def test_snapshots(self):
        mtrace.start(10)
        kept = [str(i) for i in range(20_000)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "snapshot.zst"

            def cycle():
                # One that held on to its blocks would take as much again, each time.
                mtrace.write_snapshot(path)
                mtrace.Snapshot.load(path)
                mtrace.take_snapshot().statistics("traceback")
                mtrace.get_object_traceback(kept)
                mtrace.reset_peak()

            self.assert_flat(cycle, 40)

    def test_codes(self):
        mtrace.start(5)

        def cycle():
            names = {}
            exec(compile("def f():\n    return [str(i) for i in range(9)]\nkept = f()", "<made>", "exec"), names)

        self.assert_flat(cycle, 2000)

    def test_clearing(self):
        mtrace.start(5)

        def cycle():
            kept = [bytes(2000) for _ in range(100)]
            mtrace.clear_traces()
            del kept

        self.assert_flat(cycle, 500)


if __name__ == "__main__":
    unittest.main()
