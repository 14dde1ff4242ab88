"""Snapshots in the shape in which the extension module gives and takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Dict, List, Tuple

from .rows import METRICS, Rows, RowTraces, Tracebacks

__all__ = ["metric_rows", "rows_of_file", "rows_of_tracer"]

# (domain, live size, live count, peak size, peak count, total size, total count, traceback)
MetricRow = Tuple[int, int, int, int, int, int, int, int]


def _metric(metrics: Iterable[MetricRow], name: str) -> Rows:
    """The two columns of one metric, without the rows that have nothing."""
    column = 1 + 2 * METRICS.index(name)
    return Rows.of(
        (row[7], row[0], row[column], row[column + 1]) for row in metrics if row[column + 1]
    )


def rows_of_tracer(snapshot: Sequence[Any], metadata: Mapping[str, Any]) -> RowTraces:
    """What ``_get_snapshot()`` says, for `Snapshot.traces`."""
    rows, tracebacks, functions, metrics = snapshot
    live = Rows.of((index, domain, size * count, count) for domain, size, count, index in rows)
    others = {name: _metric(metrics, name) for name in ("peak", "total")}
    return RowTraces(Tracebacks(tracebacks, functions), {"live": live, **others}, metadata)


def rows_of_file(snapshot: Sequence[Any]) -> RowTraces:
    """What ``read_snapshot()`` says, for `Snapshot.traces`."""
    metrics, tracebacks, functions, metadata = snapshot
    names = [name for name in METRICS if name in metadata["metrics"]]
    rows = {name: _metric(metrics, name) for name in names}
    rows.setdefault("live", Rows.of(()))
    rest = {key: value for key, value in metadata.items() if key != "metrics"}
    return RowTraces(Tracebacks(tracebacks, functions), rows, rest)


def metric_rows(traces: RowTraces) -> List[MetricRow]:
    """Rows of all metrics together, one for each traceback and domain, for ``_write_rows()``."""
    sums: Dict[Tuple[int, int], List[int]] = {}
    for name, rows in traces.metrics.items():
        column = 2 * METRICS.index(name)
        for traceback, domain, size, count in zip(*rows):
            values = sums.setdefault((traceback, domain), [0] * 6)
            values[column] += size
            values[column + 1] += count
    return [
        (domain, values[0], values[1], values[2], values[3], values[4], values[5], traceback)
        for (traceback, domain), values in sums.items()
    ]
