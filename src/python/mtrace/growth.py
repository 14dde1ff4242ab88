"""Reports, in a service, which lines grow."""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Dict, List, Optional, Tuple, Union

from . import _mtrace
from .filters import BaseFilter, keeper
from .own import own_memory
from .sizes import format_size, parse_size
from .tracing import is_tracing, start, stop

__all__ = ["GrowthReporter", "GrownLine", "report_growth"]

_Line = Tuple[str, int]
_Amount = Tuple[int, int]  # bytes and blocks
_NOTHING: _Amount = (0, 0)


class GrownLine:
    """A line that grew: what it holds now, by how much that is more, and for how long it grows.

    *size_diff* and *count_diff* are the bytes and blocks since the line was last reported, or was
    smallest since; that took *seconds*. *windows* is in how many windows in a row it grew, by
    whatever amount.
    """

    __slots__ = (
        "filename", "lineno", "function", "size", "size_diff", "count", "count_diff", "windows", "seconds"
    )  # fmt: skip

    def __init__(
        self,
        filename: str,
        lineno: int,
        function: Optional[str],
        size: int,
        size_diff: int,
        count: int,
        count_diff: int,
        windows: int,
        seconds: float,
    ) -> None:
        self.filename, self.lineno, self.function = filename, lineno, function
        self.size, self.size_diff = size, size_diff
        self.count, self.count_diff = count, count_diff
        self.windows, self.seconds = windows, seconds

    def __repr__(self) -> str:
        return f"<GrownLine {self}>"

    def __str__(self) -> str:
        place = f"{self.filename}:{self.lineno}" + (f" in {self.function}" if self.function else "")
        windows = "1 window" if self.windows == 1 else f"{self.windows} windows in a row"
        return (
            f"{place}: {format_size(self.size_diff, True)} to {format_size(self.size)} in {self.seconds:.0f} s, "
            f"grew in {windows}"
        )


def _noise(size: int, rate: int) -> float:
    """Three standard errors of *size* bytes, at most: samples that are *rate* bytes apart."""
    return 3 * math.sqrt(size * rate)


class _Known:
    """What is known of a line."""

    __slots__ = ("baseline", "last", "since", "windows")

    def __init__(self, baseline: _Amount, since: float) -> None:
        self.baseline, self.since = baseline, since
        self.last = baseline
        self.windows = 0


class Baseline:
    """The rolling baseline of every line."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._lines: Dict[_Line, _Known] = {}
        self._last: Optional[float] = None

    def add(
        self, now: Dict[_Line, _Amount], functions: Dict[_Line, str], seconds: float, rate: int = 0
    ) -> List[GrownLine]:
        """Ends a window; the first one only makes the baseline. The biggest growth comes first. *rate* is the
        bytes between two samples, 0 if every block is traced."""
        grown, before, self._lines = [], self._lines, {}
        for line, amount in now.items():
            known = before.get(line)
            if known is None:
                # Grown from nothing, in this window.
                known = _Known(amount, seconds) if self._last is None else _Known(_NOTHING, self._last)
            self._lines[line] = known
            known.windows = known.windows + 1 if amount[0] > known.last[0] else 0
            known.last = amount
            if amount[0] <= known.baseline[0]:
                known.baseline, known.since = amount, seconds
            size_diff, count_diff = amount[0] - known.baseline[0], amount[1] - known.baseline[1]
            if size_diff > max(self._threshold, _noise(amount[0] + known.baseline[0], rate)):
                passed, function = seconds - known.since, functions.get(line) or None
                grown.append(
                    GrownLine(*line, function, amount[0], size_diff, amount[1], count_diff, known.windows, passed)
                )
                known.baseline, known.since = amount, seconds
        self._last = seconds
        return sorted(grown, key=lambda line: -line.size_diff)


def _amounts(filters: List[BaseFilter]) -> Tuple[Dict[_Line, _Amount], Dict[_Line, str]]:
    """What each line holds now, and the function that it is in."""
    rows, tracebacks, functions = _mtrace._get_rows(False)
    keeps = keeper(filters) if filters else None
    amounts: Dict[_Line, _Amount] = {}
    names: Dict[_Line, str] = {}
    for domain, size, count, index in rows:
        frames, total = tracebacks[index]
        if keeps is not None and not keeps((domain, size, frames, total)):
            continue
        line = frames[0]
        held = amounts.get(line, _NOTHING)
        amounts[line] = (held[0] + size, held[1] + count)
        if line not in names and functions[index]:
            names[line] = functions[index][0]
    return amounts, names


class _LogFile:
    """Appends a line of JSON for each line that grew: one call of the system each, so that the lines of several
    processes do not mix."""

    def __init__(self, path: Union[str, os.PathLike[str], None]) -> None:
        self._file = 2 if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._is_own = path is not None

    def write(self, line: GrownLine) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        facts: Dict[str, Any] = {"schema": "mtrace.growth/1", "time": moment, "pid": os.getpid()}
        facts.update(filename=line.filename, lineno=line.lineno, function=line.function, module=None)
        facts.update(size=line.size, size_diff=line.size_diff, count=line.count, count_diff=line.count_diff)
        facts.update(windows=line.windows, seconds=round(line.seconds, 3))
        os.write(self._file, json.dumps(facts).encode() + b"\n")

    def close(self) -> None:
        if self._is_own:
            os.close(self._file)


class GrowthReporter:
    """Looks at the program's memory every now and then, until it is stopped: see `report_growth`."""

    def __init__(
        self,
        every: float,
        threshold: int,
        filters: List[BaseFilter],
        sinks: List[Callable[[GrownLine], None]],
        log_file: Optional[_LogFile],
    ) -> None:
        self._every, self._threshold, self._filters = every, threshold, filters
        self._sinks, self._log_file = sinks, log_file
        self._has_started_tracing = False
        self._begin_thread(False)

    def _begin_thread(self, is_forked: bool) -> None:
        self._baseline = Baseline(self._threshold)
        self._stopped = threading.Event()
        self._begin = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(is_forked,), name="mtrace-growth", daemon=True)
        self._thread.start()
        _running.add(self)

    @own_memory
    def _run(self, is_forked: bool) -> None:
        # A child that soon runs another program need not look at its memory before.
        if not is_forked:
            self._look()
        while not self._stopped.wait(self._every):
            self._look()

    def _look(self) -> None:
        if not is_tracing():
            return
        try:
            now, functions = _amounts(self._filters)
            grown = self._baseline.add(
                now, functions, time.monotonic() - self._begin, _mtrace._get_sampling_rate()
            )
        except MemoryError:
            return  # the next window covers this one
        for line in grown:
            for report in self._sinks:
                if self._stopped.is_set():
                    return
                try:
                    report(line)
                except Exception:  # noqa: BLE001  a service must not lose its reporter
                    place = f"{line.filename}:{line.lineno}"
                    logging.getLogger("mtrace").exception("the growth of %s was not reported", place)

    @own_memory
    def stop(self) -> None:
        """Ends the reports, and waits for the thread; nothing is reported afterwards."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        _running.discard(self)
        if self._thread is not threading.current_thread():
            self._thread.join()
        if self._log_file is not None:
            self._log_file.close()
        if self._has_started_tracing:
            stop()

    def __enter__(self) -> GrowthReporter:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


_running: weakref.WeakSet[GrowthReporter] = weakref.WeakSet()


@own_memory
def _go_on_in_child() -> None:
    """A child of fork() has no thread, and reports by itself."""
    for reporter in list(_running):
        reporter._begin_thread(True)


@own_memory
def _stop_all() -> None:
    for reporter in list(_running):
        reporter.stop()


os.register_at_fork(after_in_child=_go_on_in_child)
atexit.register(_stop_all)


@own_memory
def report_growth(
    *,
    every: float = 300,
    threshold: Union[int, str] = "50 KiB",
    filters: Iterable[BaseFilter] = (),
    logger: Union[logging.Logger, str, None] = None,
    callback: Optional[Callable[[GrownLine], None]] = None,
    file: Union[str, os.PathLike[str], None] = None,
    nframe: int = 1,
) -> GrowthReporter:
    """Reports each line that grew by more than *threshold*, at the end of each window of *every* seconds.

        mtrace.report_growth(every=300, threshold="50 KiB", logger="app.memory")

    A line's growth is counted from what it held when it was last reported, or less, if it shrank since: so slow
    growth is reported, too, when it has added up. If tracing samples, growth must also exceed three standard
    errors. The report says in how many windows in a row the line grew: one
    that grows in five is a leak, most likely.

    A `GrownLine` goes to *callback*, as a warning to *logger* (with the line as ``record.growth``), and as a line of
    JSON to *file*; without any of these, JSON goes to standard error. *filters* keep the blocks that count, as those
    of `Snapshot.filter_traces`. Tracing is started with *nframe* frames, unless it is on. A thread does all that, and
    what it allocates is not counted. A child of fork() goes on reporting by itself, after two windows.

    Returns the reporter: its `stop` ends it, as does the end of a ``with`` block.
    """
    if not every > 0:
        raise ValueError(f"every={every!r}: a window takes more than 0 seconds")
    size, kept = parse_size(threshold), list(filters)
    sinks: List[Callable[[GrownLine], None]] = []
    if callback is not None:
        sinks.append(callback)
    if logger is not None:
        target = logging.getLogger(logger) if isinstance(logger, str) else logger
        sinks.append(lambda line: target.warning("%s", line, extra={"growth": line}))
    log_file = None
    if file is not None or not sinks:
        log_file = _LogFile(file)
        sinks.append(log_file.write)
    has_started = not is_tracing()
    if has_started:
        start(nframe)
    reporter = GrowthReporter(every, size, kept, sinks, log_file)
    reporter._has_started_tracing = has_started
    return reporter
