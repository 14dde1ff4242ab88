"""Adds up blocks by line, by file or by traceback."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Dict, List, Optional, Tuple

from .frames import UNKNOWN, Functions, RawFrame, RawTraceback, Traceback
from .rows import METRICS, RowTraces
from .statistics import Statistic, StatisticDiff

__all__ = ["KEY_TYPES", "compare", "group"]

KEY_TYPES = ("lineno", "filename", "traceback")

# (bytes, blocks), and, of estimates, the variances of both: the sum of one traceback.
Amounts = Sequence[float]
# (frames, functions of the frames or None, amounts)
Sum = Tuple[RawTraceback, Optional[Functions], Amounts]


def _sums_of_rows(traces: RowTraces, metric: str) -> Iterable[Sum]:
    rows = traces.metrics.get(metric)
    if rows is None:
        raise ValueError(f"this snapshot has no {metric} metric")
    sums: Dict[int, List[Any]] = {}
    variances = traces.variances.get(metric, ())
    for traceback, *amounts in zip(rows.tracebacks, rows.sizes, rows.counts, *variances):
        known = sums.get(traceback)
        if known is None:
            sums[traceback] = amounts
        else:
            _add(known, amounts)
    tracebacks = traces.tracebacks
    for index, amounts in sums.items():
        yield tracebacks.frames(index), tracebacks.functions(index), amounts


def _add(to: List[Any], amounts: Amounts) -> None:
    for index, amount in enumerate(amounts):
        to[index] += amount


def _sums_of_tuples(traces: Iterable[Sequence[Any]], metric: str) -> Iterable[Sum]:
    if metric != "live":
        raise ValueError(f"this snapshot has no {metric} metric: it records only what is alive")
    # By identity first: tracemalloc makes equal tracebacks one object, and comparing them is most
    # of the work. The tracebacks kept here stay alive, so that their ids stay unique.
    sums: Dict[int, List[Any]] = {}
    for trace in traces:
        frames = trace[2]
        known = sums.get(id(frames))
        if known is None:
            sums[id(frames)] = [frames, trace[1], 1]
        else:
            known[1] += trace[1]
            known[2] += 1
    for frames, size, count in sums.values():
        yield frames or (UNKNOWN,), None, (size, count)


def sums_by_traceback(traces: Any, metric: str) -> Iterable[Sum]:
    """The bytes and blocks of each traceback; one in several objects may come repeatedly."""
    if isinstance(traces, RowTraces):
        return _sums_of_rows(traces, metric)
    return _sums_of_tuples(traces, metric)


def _check(key_type: str, cumulative: bool, metric: str) -> None:
    if key_type not in KEY_TYPES:
        raise ValueError(f"unknown key_type: {key_type!r}")
    if cumulative and key_type == "traceback":
        raise ValueError(f"cumulative mode cannot be used with key type {key_type!r}")
    if metric not in METRICS:
        raise ValueError(f"unknown metric: {metric!r}")


def group(traces: Any, key_type: str, cumulative: bool, metric: str) -> Dict[Traceback, Statistic]:
    """The statistic of each group, by the traceback that stands for it.

    *cumulative* counts a block for every frame of its traceback, including repeated frames of a
    recursive function.
    """
    _check(key_type, cumulative, metric)
    whole_files, whole_tracebacks = key_type == "filename", key_type == "traceback"
    by_key: Dict[Any, Tuple[Traceback, List[Any]]] = {}

    def add(key: Any, function: Optional[Functions], amounts: Amounts) -> None:
        known = by_key.get(key)
        if known is not None:
            _add(known[1], amounts)
            return
        if whole_tracebacks:
            traceback = Traceback(key, None, function)
        elif whole_files:
            traceback = Traceback(((key, 0),))
        else:
            traceback = Traceback((key,), None, function)
        by_key[key] = traceback, list(amounts)

    for frames, functions, amounts in sums_by_traceback(traces, metric):
        if whole_tracebacks:
            add(frames, functions, amounts)
            continue
        for index, frame in enumerate(frames if cumulative else frames[:1]):
            key: RawFrame | str = frame[0] if whole_files else frame
            add(key, functions and functions[index : index + 1], amounts)
    return {traceback: _statistic(traceback, *amounts) for traceback, amounts in by_key.values()}


def _statistic(traceback: Traceback, size: int, count: int, *variances: float) -> Statistic:
    return Statistic(traceback, size, count, *map(math.sqrt, variances))


def _error_of_change(one: Optional[float], other: Optional[float]) -> Optional[float]:
    return None if one is None and other is None else math.hypot(one or 0, other or 0)


def compare(
    new: Dict[Traceback, Statistic], old: Dict[Traceback, Statistic]
) -> List[StatisticDiff]:
    """The changes between two groupings, the biggest change first."""
    changes = []
    for traceback in {**new, **old}:
        nothing = Statistic(traceback, 0, 0)
        now, then = new.get(traceback, nothing), old.get(traceback, nothing)
        change = (now.size, now.size - then.size, now.count, now.count - then.count)
        errors = (
            _error_of_change(now.size_error, then.size_error),
            _error_of_change(now.count_error, then.count_error),
        )
        changes.append(StatisticDiff(traceback, *change, *errors))
    changes.sort(key=StatisticDiff._sort_key, reverse=True)
    return changes
