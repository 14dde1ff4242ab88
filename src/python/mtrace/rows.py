"""Blocks as columns of numbers: one row for all equal blocks, not an object for each.

A snapshot keeps the tracer's data in this form. The memory and time of everything here depend on
the number of rows and of distinct tracebacks, not on the number of blocks.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from .frames import UNKNOWN, Functions, RawTraceback
from .own import own_memory

__all__ = [
    "METRICS",
    "MetricRow",
    "Rows",
    "RowTraces",
    "Tracebacks",
    "fold",
    "metric_rows",
    "rows_of_file",
    "rows_of_tracer",
]

METRICS = ("live", "peak", "total")

# Columns of 32 bits and of 64 bits.
_KINDS = "IIQQ"

# By metric: of bytes, and of blocks.
Variances = Dict[str, Tuple["array[float]", "array[float]"]]


class Rows(NamedTuple):
    """One metric: each row has a traceback, a domain, and the bytes and number of its blocks."""

    tracebacks: array[int]
    domains: array[int]
    sizes: array[int]
    counts: array[int]

    @classmethod
    def of(cls, rows: Iterable[Tuple[int, int, int, int]]) -> Rows:
        columns = list(zip(*rows)) or [()] * len(_KINDS)
        made: List[array[int]] = [array(kind, column) for kind, column in zip(_KINDS, columns)]
        return cls(*made)

    def chosen(self, indices: Sequence[int]) -> Rows:
        return Rows(*(array(c.typecode, [c[i] for i in indices]) for c in self))


class Tracebacks:
    """The distinct tracebacks of a snapshot.

    *tracebacks* are pairs of frames and total_nframe, *functions* the function names of each
    traceback, "" for unknown ones.
    """

    def __init__(
        self,
        tracebacks: Sequence[Tuple[RawTraceback, int]],
        functions: Sequence[Sequence[str]],
    ) -> None:
        self.tracebacks = tracebacks
        self.function_names = functions

    def __len__(self) -> int:
        return len(self.tracebacks)

    def frames(self, index: int) -> RawTraceback:
        """The frames of a traceback, the most recent one first; always the same object."""
        return self.tracebacks[index][0] or (UNKNOWN,)

    def total_nframe(self, index: int) -> int:
        return self.tracebacks[index][1]

    def functions(self, index: int) -> Functions:
        """The function of each frame; None: unknown."""
        return tuple([name or None for name in self.function_names[index]]) or (None,)


class RowTraces(Sequence[Any]):
    """A sequence of raw traces over the rows of the metric ``live``.

    If the rows are estimates from samples, *variances* has each row's variance of bytes and of blocks, for every
    metric. Samples are independent: the variance of a sum is the sum of the variances.

    Raw traces are made on demand. A row from the tracer stands for blocks of one size. A row from a
    file has only the sum: its blocks are of nearly equal size and add up to the sum.
    """

    def __init__(
        self,
        tracebacks: Tracebacks,
        metrics: Dict[str, Rows],
        metadata: Optional[Mapping[str, Any]] = None,
        variances: Optional[Variances] = None,
    ) -> None:
        self.tracebacks = tracebacks
        self.metrics = metrics
        self.variances = variances or {}
        self.metadata = dict(metadata or {})
        self._ends: Optional[array[int]] = None

    @property
    def live(self) -> Rows:
        return self.metrics["live"]

    def __getstate__(self) -> Dict[str, Any]:
        return {
            "tracebacks": (list(self.tracebacks.tracebacks), list(self.tracebacks.function_names)),
            "metrics": {
                name: [column.tobytes() for column in rows] for name, rows in self.metrics.items()
            },
            "metadata": self.metadata,
            "variances": {
                name: [column.tobytes() for column in columns]
                for name, columns in self.variances.items()
            },
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        metrics = {}
        for name, columns in state["metrics"].items():
            metrics[name] = Rows(*(array(kind) for kind in _KINDS))
            for column, data in zip(metrics[name], columns):
                column.frombytes(data)
        variances = {}
        for name, of_metric in state.get("variances", {}).items():
            variances[name] = (array("d"), array("d"))
            for variance, data in zip(variances[name], of_metric):
                variance.frombytes(data)
        tracebacks = Tracebacks(*state["tracebacks"])
        RowTraces.__init__(self, tracebacks, metrics, state["metadata"], variances)

    # --- as a sequence of blocks ---

    def __len__(self) -> int:
        return self._block_ends()[-1] if self.live.counts else 0

    @own_memory
    def _block_ends(self) -> array[int]:
        """For each row, the index one past its last block."""
        if self._ends is None:
            self._ends = array("Q", accumulate(self.live.counts))
        return self._ends

    def _find(self, index: int) -> Tuple[int, int]:
        """The row of a block and its place in it."""
        length = len(self)
        if not -length <= index < length:
            raise IndexError("trace index out of range")
        index += length if index < 0 else 0
        ends = self._block_ends()
        row = bisect_right(ends, index)
        return row, index - (ends[row - 1] if row else 0)

    def _raw(self, row: int, place: int = 0) -> Tuple[int, int, RawTraceback, int]:
        live, tracebacks = self.live, self.tracebacks
        each, odd = divmod(live.sizes[row], live.counts[row])
        traceback = live.tracebacks[row]
        frames, total = tracebacks.frames(traceback), tracebacks.total_nframe(traceback)
        return (live.domains[row], each + (place < odd), frames, total)

    def __getitem__(self, index: Union[int, slice]) -> Any:
        if isinstance(index, slice):
            return [self._raw(*self._find(i)) for i in range(*index.indices(len(self)))]
        return self._raw(*self._find(index))

    def runs(self) -> Iterator[Tuple[Tuple[int, int, RawTraceback, int], int]]:
        """The raw traces in order, each with its number of repetitions."""
        for row, (size, count) in enumerate(zip(self.live.sizes, self.live.counts)):
            odd = size % count if count else 0
            if odd:
                yield self._raw(row), odd
            if count - odd:
                yield self._raw(row, odd), count - odd

    def __iter__(self) -> Iterator[Tuple[int, int, RawTraceback, int]]:
        for trace, count in self.runs():
            for _ in range(count):
                yield trace

    def with_functions(self, index: int) -> Tuple[Any, Functions]:
        """A raw trace and the functions of its frames."""
        row, place = self._find(index)
        return self._raw(row, place), self.tracebacks.functions(self.live.tracebacks[row])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (RowTraces, list, tuple)):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def copy(self) -> RowTraces:
        """Another sequence over the same columns, which are never changed."""
        return RowTraces(self.tracebacks, dict(self.metrics), self.metadata, self.variances)

    # --- row by row ---

    def filtered(self, keeps: Callable[[Sequence[Any]], bool]) -> RowTraces:
        """The rows for which *keeps* is true, for every metric."""
        frames, total = self.tracebacks.frames, self.tracebacks.total_nframe
        metrics, variances = {}, {}
        for name, rows in self.metrics.items():
            chosen: List[int] = []
            for row, (traceback, domain, size, count) in enumerate(zip(*rows)):
                each = size // count if count else size
                if keeps((domain, each, frames(traceback), total(traceback))):
                    chosen.append(row)
            metrics[name] = rows.chosen(chosen)
            if name in self.variances:
                sizes, counts = self.variances[name]
                variances[name] = (
                    array("d", [sizes[row] for row in chosen]),
                    array("d", [counts[row] for row in chosen]),
                )
        return RowTraces(self.tracebacks, metrics, self.metadata, variances)


# --- rows from single blocks, and as the extension modules give and take them ---


def fold(traces: Iterable[Sequence[Any]]) -> RowTraces:
    """Rows for raw traces: one for all equal traces, in the order of first occurrence."""
    tracebacks: Dict[Tuple[RawTraceback, int], int] = {}
    counts: Dict[Tuple[int, int, int], int] = {}
    for trace in traces:
        domain, size, frames = trace[:3]
        total = trace[3] if len(trace) > 3 else len(frames)
        key = (tracebacks.setdefault((frames, total), len(tracebacks)), domain, size)
        counts[key] = counts.get(key, 0) + 1
    live = Rows.of(
        (traceback, domain, size * count, count)
        for (traceback, domain, size), count in counts.items()
    )
    functions = [("",) * len(frames) for frames, _ in tracebacks]
    return RowTraces(Tracebacks(list(tracebacks), functions), {"live": live})


# (domain, live size, live count, peak size, peak count, total size, total count, traceback), and of
# estimates the variances of the six numbers in the middle, in their order.
MetricRow = Sequence[Any]
_VARIANCES = 8


def _metric(metrics: Iterable[MetricRow], name: str) -> Rows:
    """The two columns of one metric, without empty rows."""
    column = 1 + 2 * METRICS.index(name)
    return Rows.of(
        (row[7], row[0], row[column], row[column + 1]) for row in metrics if row[column + 1]
    )


def rows_of_tracer(snapshot: Sequence[Any], metadata: Mapping[str, Any]) -> RowTraces:
    """The result of ``_get_snapshot()``, for `Snapshot.traces`."""
    rows, tracebacks, functions, metrics = snapshot
    live = Rows.of((index, domain, size * count, count) for domain, size, count, index in rows)
    others = {name: _metric(metrics, name) for name in ("peak", "total")}
    return RowTraces(Tracebacks(tracebacks, functions), {"live": live, **others}, metadata)


def rows_of_file(snapshot: Sequence[Any]) -> RowTraces:
    """The result of ``read_snapshot()``, for `Snapshot.traces`."""
    metrics, tracebacks, functions, metadata = snapshot
    names = [name for name in METRICS if name in metadata["metrics"]]
    rows = {name: _metric(metrics, name) for name in names}
    rows.setdefault("live", Rows.of(()))
    rest = {key: value for key, value in metadata.items() if key != "metrics"}
    variances = {name: _metric_variances(metrics, name) for name in names} if _are_estimates(metrics) else {}
    return RowTraces(Tracebacks(tracebacks, functions), rows, rest, variances)


def _are_estimates(metrics: Sequence[MetricRow]) -> bool:
    return bool(metrics) and len(metrics[0]) > _VARIANCES


def _metric_variances(metrics: Sequence[MetricRow], name: str) -> Tuple[array[float], array[float]]:
    """Those of the rows that ``_metric()`` gives."""
    column, variance = 1 + 2 * METRICS.index(name), _VARIANCES + 2 * METRICS.index(name)
    kept = [row for row in metrics if row[column + 1]]
    return array("d", [row[variance] for row in kept]), array("d", [row[variance + 1] for row in kept])


def metric_rows(traces: RowTraces) -> List[MetricRow]:
    """Rows of all metrics together, one for each traceback and domain, for ``write_rows()``."""
    sums: Dict[Tuple[int, int], List[int]] = {}
    variances: Dict[Tuple[int, int], List[float]] = {}
    for name, rows in traces.metrics.items():
        column = 2 * METRICS.index(name)
        for traceback, domain, size, count in zip(*rows):
            values = sums.setdefault((traceback, domain), [0] * 6)
            values[column] += size
            values[column + 1] += count
        if name not in traces.variances:
            continue
        for traceback, domain, of_size, of_count in zip(*rows[:2], *traces.variances[name]):
            added = variances.setdefault((traceback, domain), [0.0] * 6)
            added[column] += of_size
            added[column + 1] += of_count
    rest = [0.0] * 6 if variances else []
    return [
        (domain, *values, traceback, *variances.get((traceback, domain), rest))
        for (traceback, domain), values in sums.items()
    ]
