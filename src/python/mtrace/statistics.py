"""The sum of a group of blocks, and its change."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from .frames import Traceback
from .sizes import format_size

__all__ = ["Statistic", "StatisticDiff"]


def _average(size: int, count: int) -> str:
    return f", average={format_size(size / count)}" if count else ""


def _size_error(error: Optional[float]) -> str:
    return "" if error is None else f" ± {format_size(error)}"


def _count_error(error: Optional[float]) -> str:
    return "" if error is None else f" ± {error:.0f}"


class Statistic:
    """The blocks of one group: their traceback, total size and number.

    If tracing sampled, size and number are estimates, and *size_error* and *count_error* are their
    standard errors; None: every block was counted.
    """

    __slots__ = ("traceback", "size", "count", "size_error", "count_error")

    def __init__(
        self,
        traceback: Traceback,
        size: int,
        count: int,
        size_error: Optional[float] = None,
        count_error: Optional[float] = None,
    ) -> None:
        self.traceback = traceback
        self.size = size
        self.count = count
        self.size_error = size_error
        self.count_error = count_error

    def _fields(self) -> Tuple[Any, ...]:
        return (self.traceback, self.size, self.count)

    def _sort_key(self) -> Tuple[int, int, Traceback]:
        return (self.size, self.count, self.traceback)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Statistic):
            return self._fields() == other._fields()
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())

    def __str__(self) -> str:
        size = f"size={format_size(self.size)}{_size_error(self.size_error)}"
        count = f"count={self.count:d}{_count_error(self.count_error)}"
        return f"{self.traceback}: {size}, {count}{_average(self.size, self.count)}"

    def __repr__(self) -> str:
        return f"<Statistic traceback={self.traceback!r} size={self.size:d} count={self.count:d}>"


class StatisticDiff:
    """The blocks of one group in a new snapshot, and the difference from an old one.

    *size* and *count* are the new snapshot's, 0 if it has no such blocks. *size_error* and
    *count_error* are the standard errors of the differences, if they are estimates from samples.
    """

    __slots__ = (
        "traceback", "size", "size_diff", "count", "count_diff", "size_error", "count_error"
    )  # fmt: skip

    def __init__(
        self,
        traceback: Traceback,
        size: int,
        size_diff: int,
        count: int,
        count_diff: int,
        size_error: Optional[float] = None,
        count_error: Optional[float] = None,
    ) -> None:
        self.traceback = traceback
        self.size = size
        self.size_diff = size_diff
        self.count = count
        self.count_diff = count_diff
        self.size_error = size_error
        self.count_error = count_error

    def _fields(self) -> Tuple[Any, ...]:
        return (self.traceback, self.size, self.size_diff, self.count, self.count_diff)

    def _sort_key(self) -> Tuple[int, int, int, int, Traceback]:
        change, recount = abs(self.size_diff), abs(self.count_diff)
        return (change, self.size, recount, self.count, self.traceback)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StatisticDiff):
            return self._fields() == other._fields()
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())

    def __str__(self) -> str:
        size_diff = f"{format_size(self.size_diff, True)}{_size_error(self.size_error)}"
        count_diff = f"{self.count_diff:+d}{_count_error(self.count_error)}"
        size = f"size={format_size(self.size)} ({size_diff})"
        count = f"count={self.count:d} ({count_diff})"
        return f"{self.traceback}: {size}, {count}{_average(self.size, self.count)}"

    def __repr__(self) -> str:
        size = f"size={self.size:d} ({self.size_diff:+d})"
        count = f"count={self.count:d} ({self.count_diff:+d})"
        return f"<StatisticDiff traceback={self.traceback!r} {size} {count}>"
