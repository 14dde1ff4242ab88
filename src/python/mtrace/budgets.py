"""Limits for the memory of a piece of code, and the report when it exceeds them."""

from __future__ import annotations

import gc
import os.path
from glob import escape
from types import TracebackType
from typing import List, Optional, Type, Union

from . import _mtrace, grouping
from .filters import Filter
from .own import own_memory
from .sizes import format_size, parse_size
from .snapshot import Snapshot
from .statistics import StatisticDiff
from .tracing import (
    get_traced_memory,
    is_tracing,
    reset_peak,
    start,
    stop,
    take_snapshot,
)

__all__ = ["BudgetExceeded", "Usage", "budget"]

Size = Union[int, str]

_SHOWN_LINES = 5
_FOLDER = os.path.dirname(__file__)


class BudgetExceeded(AssertionError):
    """The code exceeded its memory limits. The message lists the lines that took most."""


class Usage:
    """The memory that a piece of code took, known when the `budget` around it has ended.

    *peak* is the rise of traced memory from the beginning to its highest point, in bytes; *growth*
    is the rise from the beginning to the end.
    """

    __slots__ = ("peak", "growth")

    def __init__(self) -> None:
        self.peak = 0
        self.growth = 0

    def __repr__(self) -> str:
        return f"<Usage peak={self.peak} growth={self.growth}>"


def _limit(size: Optional[Size]) -> Optional[int]:
    return None if size is None else parse_size(size)


class budget:
    """A context that limits the memory of its code: it raises `BudgetExceeded` beyond the limits.

        with mtrace.budget(max_peak="5 MiB", max_growth="100 KiB"):
            handle(request)

    *max_peak* limits the rise of memory from the beginning to any moment, *max_growth* the rise to
    the end. Sizes are bytes, or texts such as ``"5 MiB"``. Memory that the garbage collector can
    free counts for the peak only. The code is traced with *nframe* frames, unless tracing is
    already on; tracing that samples is a RuntimeError. If the code raises an exception, the exception passes through.
    """

    def __init__(
        self,
        *,
        max_peak: Optional[Size] = None,
        max_growth: Optional[Size] = None,
        nframe: int = 10,
    ) -> None:
        self._max_peak, self._max_growth = _limit(max_peak), _limit(max_growth)
        self._nframe = nframe
        self._usage = Usage()

    @own_memory
    def __enter__(self) -> Usage:
        self._started = not is_tracing()
        if _mtrace._get_sampling_rate():
            raise RuntimeError("a budget needs every block, and tracing samples: start it without sample")
        if self._started:
            start(self._nframe)
        self._before = take_snapshot()
        # After everything that allocates here: this also empties the interpreter's free lists.
        gc.collect()
        reset_peak()
        self._begin = get_traced_memory()[0]
        return self._usage

    @own_memory
    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        where: Optional[TracebackType],
    ) -> None:
        try:
            self._usage.peak = max(0, get_traced_memory()[1] - self._begin)
            gc.collect()
            self._usage.growth = get_traced_memory()[0] - self._begin
            problems = self._problems() if kind is None else []
        finally:
            del self._before
            if self._started:
                stop()
        if problems:
            raise BudgetExceeded("\n".join(problems))

    def _problems(self) -> List[str]:
        peak, growth = self._usage.peak, self._usage.growth
        problems = []
        now = None
        if self._max_peak is not None and peak > self._max_peak:
            now = take_snapshot()
            problems.append(_exceeded("peak", peak, self._max_peak))
            problems += _peak_lines(now, self._before)
        if self._max_growth is not None and growth > self._max_growth:
            now = now or take_snapshot()
            problems.append(_exceeded("growth", growth, self._max_growth))
            problems += _growth_lines(now, self._before)
        return problems


def _exceeded(what: str, size: int, limit: int) -> str:
    return (
        f"memory {what} {format_size(size)} ({size} bytes) exceeds the limit of "
        f"{format_size(limit)} ({limit} bytes)"
    )


def _theirs(snapshot: Snapshot) -> Snapshot:
    """The snapshot without mtrace's own allocations."""
    return snapshot.filter_traces([Filter(False, os.path.join(escape(_FOLDER), "*"))])


def _grown(now: Snapshot, metric: str, before: Snapshot, key_type: str) -> List[StatisticDiff]:
    """The groups that have more memory *now* than was alive *before*, the biggest rise first."""
    then = _theirs(before)._group_by(key_type, False)
    changes = grouping.compare(_theirs(now)._group_by(key_type, False, metric), then)
    return [change for change in changes if change.size_diff > 0][:_SHOWN_LINES]


def _peak_lines(now: Snapshot, before: Snapshot) -> List[str]:
    grown = _grown(now, "peak", before, "lineno")
    return ["the lines that took most at the peak:", *(f"  {change}" for change in grown)]


def _growth_lines(now: Snapshot, before: Snapshot) -> List[str]:
    grown = _grown(now, "live", before, "lineno")
    lines = ["the lines that grew most:", *(f"  {change}" for change in grown)]
    biggest = _grown(now, "live", before, "traceback")[:1]
    if biggest and len(biggest[0].traceback) > 1:
        lines.append("the calls that led to the biggest growth:")
        lines += biggest[0].traceback.format()
    return lines
