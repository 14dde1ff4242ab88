"""A program that uses what the package offers, with the types that a strict checker wants: never run."""

from __future__ import annotations

import logging
import unittest
from pathlib import Path
from typing import List, Optional, Tuple

import mtrace
import mtrace.testing


class TestTyped(mtrace.testing.MemoryLimits, unittest.TestCase):
    max_growth = "1 MiB"

    @mtrace.testing.memory_limit(max_peak=1 << 20, max_growth=None)
    def test_typed(self) -> None:
        self.assertTrue(True)


def watch(path: Path) -> int:
    def grew(line: mtrace.GrownLine) -> None:
        print(line.filename, line.lineno + line.size_diff, line.function or "", line.windows, line.seconds)

    reporter: mtrace.GrowthReporter = mtrace.report_growth(
        every=0.5, threshold="1 KiB", filters=[mtrace.Filter(True, "*.py")], logger=logging.getLogger(), callback=grew
    )
    reporter.stop()
    with mtrace.report_growth(file=path, nframe=5):
        return 0


def report(path: Path, limit: int = 10) -> List[str]:
    mtrace.start(25, native=True)
    before: mtrace.Snapshot = mtrace.take_snapshot()
    with mtrace.budget(max_peak="5 MiB", max_growth=1 << 20) as usage:
        kept = [str(i) for i in range(100)]
    peak: int = usage.peak
    before.write(path)
    mtrace.write_snapshot(str(path))
    after = mtrace.Snapshot.load(path)
    numbers: Tuple[int, int] = mtrace.get_traced_memory()
    chosen = after.filter_traces((mtrace.Filter(False, "<frozen *>"), mtrace.DomainFilter(True, 0)))
    lines = [str(statistic) for statistic in chosen.statistics("lineno", metric="peak")[:limit]]
    for difference in after.compare_to(before, "traceback", cumulative=False):
        size: int = difference.size_diff
        frame: mtrace.Frame = difference.traceback[0]
        lines.append(f"{frame.filename}:{frame.lineno} {frame.function} {size}")
    found: Optional[mtrace.Traceback] = mtrace.get_object_traceback(kept)
    if found is not None:
        lines += found.format(limit=3, most_recent_first=True)
    return [*lines, str(numbers), str(peak)]
