"""Single blocks put together into rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Dict, Tuple

from .frames import RawTraceback
from .rows import Rows, RowTraces, Tracebacks

__all__ = ["fold"]


def fold(traces: Iterable[Sequence[Any]]) -> RowTraces:
    """Rows for raw traces, those that are equal in one, in the order in which they first come."""
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
