"""The memory of a program at one moment: statistics, comparisons and files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Dict, List, Tuple, Union

from . import _files, grouping
from .filters import BaseFilter, keeper
from .frames import Traceback
from .own import own_memory
from .rows import RowTraces, fold, metric_rows
from .statistics import Statistic, StatisticDiff
from .traces import RawTrace, _Traces

__all__ = ["Snapshot"]

Path = Union[str, "os.PathLike[str]"]


class Snapshot:
    """The blocks that were alive at one moment, and where each was allocated.

    `take_snapshot` makes one, `Snapshot.load` reads one from a file. *traces* is a list of tuples
    ``(domain, size, frames, total_nframe)``, the most recent frame first, or the tracer's own rows;
    *traceback_limit* is the maximum number of frames per traceback.
    """

    def __init__(self, traces: Sequence[RawTrace], traceback_limit: int) -> None:
        self.traces = _Traces(traces)
        self.traceback_limit = traceback_limit

    # --- files ---

    @own_memory
    def dump(self, filename: Path) -> None:
        """Write the snapshot as a pickle, as tracemalloc does.

        tracemalloc's ``Snapshot.load`` reads it, and so does the command ``mtrace``. It has only
        the live blocks, without functions and other metrics: `write` writes everything.
        """
        from .snapshot_files import write_dump

        write_dump(self, filename)

    @own_memory
    def write(self, path: Path) -> None:
        """Write the snapshot in mtrace's own format, small and quick to read, for the command
        ``mtrace`` and for `Snapshot.load`.

        The file appears only when it is complete. It has the sum of each traceback, not single
        blocks.
        """
        traces = self.traces._traces
        if not isinstance(traces, RowTraces):
            traces = fold(traces)
        known = traces.tracebacks
        limit, metrics = self.traceback_limit, tuple(traces.metrics)
        metadata = {**traces.metadata, "traceback_limit": limit, "metrics": metrics}
        rows = metric_rows(traces)
        path = os.path.abspath(path)
        _files.write_rows(path, rows, known.tracebacks, known.function_names, metadata)

    @staticmethod
    @own_memory
    def load(filename: Path) -> Snapshot:
        """Read a snapshot from a file: a dump of mtrace or of tracemalloc, or mtrace's own format.

        Files are recognized by content, not by name. A dump is a pickle; only the classes of
        snapshots are accepted in it, so that a file cannot run code.
        """
        from .snapshot_files import load_snapshot

        return load_snapshot(filename)

    # --- questions ---

    @property
    def metrics(self) -> Tuple[str, ...]:
        """The metrics in the snapshot: ``live``, and possibly ``peak`` and ``total``."""
        traces = self.traces._traces
        return tuple(traces.metrics) if isinstance(traces, RowTraces) else ("live",)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Data about the program and the moment, such as ``pid``, ``current`` and ``peak``."""
        traces = self.traces._traces
        return MappingProxyType(traces.metadata if isinstance(traces, RowTraces) else {})

    @own_memory
    def filter_traces(self, filters: Iterable[BaseFilter]) -> Snapshot:
        """A new snapshot of the blocks that *filters* keep.

        A block is kept if an inclusive filter matches it, or all are exclusive, and no exclusive
        filter matches it. Without filters, the result is a copy.
        """
        if not isinstance(filters, Iterable):
            raise TypeError(f"filters must be a list of filters, not {type(filters).__name__}")
        traces = self.traces._traces
        if not filters:
            kept = traces.copy() if hasattr(traces, "copy") else list(traces)
        elif isinstance(traces, RowTraces):
            kept = traces.filtered(keeper(filters))
        else:
            kept = list(filter(keeper(filters), traces))
        return Snapshot(kept, self.traceback_limit)

    def _group_by(
        self, key_type: str, cumulative: bool, metric: str = "live"
    ) -> Dict[Traceback, Statistic]:
        return grouping.group(self.traces._traces, key_type, cumulative, metric)

    @own_memory
    def statistics(
        self, key_type: str, cumulative: bool = False, *, metric: str = "live"
    ) -> List[Statistic]:
        """The blocks by ``"lineno"``, ``"filename"`` or ``"traceback"`` (*key_type*), the biggest
        group first.

        With *cumulative*, a block counts for every frame of its traceback, not only for the line
        that allocated it. *metric* selects the blocks: ``"live"``, those alive now; ``"peak"``,
        those alive at the moment of the highest traced memory; ``"total"``, all blocks ever
        allocated.
        """
        grouped = self._group_by(key_type, cumulative, metric)
        return sorted(grouped.values(), key=Statistic._sort_key, reverse=True)

    @own_memory
    def compare_to(
        self,
        old_snapshot: Snapshot,
        key_type: str,
        cumulative: bool = False,
        *,
        metric: str = "live",
    ) -> List[StatisticDiff]:
        """The changes since *old_snapshot*, the biggest first, up or down.

        The other arguments are those of `statistics`.
        """
        new = self._group_by(key_type, cumulative, metric)
        old = grouping.group(old_snapshot.traces._traces, key_type, cumulative, metric)
        return grouping.compare(new, old)
