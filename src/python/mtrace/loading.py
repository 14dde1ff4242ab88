"""Snapshots from files that somebody else may have written."""

from __future__ import annotations

import gzip
import os
import pickle
from typing import IO, Any, Union

from . import _files
from .exchange import rows_of_file
from .rows import RowTraces
from .snapshot import Snapshot
from .traces import _Traces

__all__ = ["load_snapshot"]

_GZIP = b"\x1f\x8b"
# Everything that a pickle of a snapshot may name: what tracemalloc writes and what pickle.dump()
# writes of a mtrace.Snapshot.
_CLASSES = {
    ("tracemalloc", "Snapshot"): Snapshot,
    ("tracemalloc", "_Traces"): _Traces,
    (Snapshot.__module__, "Snapshot"): Snapshot,
    (_Traces.__module__, "_Traces"): _Traces,
    (RowTraces.__module__, "RowTraces"): RowTraces,
}


class _SnapshotUnpickler(pickle.Unpickler):
    """Makes snapshots and what they consist of, and refuses every other class and function."""

    def find_class(self, module: str, name: str) -> Any:
        found = _CLASSES.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"class {module}.{name} is not part of a snapshot")
        return found


def _checked(snapshot: Any) -> Snapshot:
    """*snapshot* if it is one, with blocks as Python has them since 3.9."""
    attributes = vars(snapshot) if isinstance(snapshot, Snapshot) else {}
    traces = getattr(attributes.get("traces"), "_traces", None)
    if not isinstance(traces, (list, tuple, RowTraces)) or "traceback_limit" not in attributes:
        raise pickle.UnpicklingError("the pickle does not hold a snapshot")
    if isinstance(traces, tuple):
        traces = list(traces)
    if isinstance(traces, list) and any(len(trace) == 3 for trace in traces[:1]):
        # Until 3.8, tracemalloc did not count the frames that it cut off.
        traces = [(domain, size, frames, len(frames)) for domain, size, frames in traces]
    snapshot.traces._traces = traces
    return snapshot


def _unpickled(file: IO[bytes]) -> Snapshot:
    return _checked(_SnapshotUnpickler(file).load())


def load_snapshot(filename: Union[str, os.PathLike[str]]) -> Snapshot:
    """Reads a snapshot; see `Snapshot.load`."""
    with open(filename, "rb") as file:
        start = file.read(2)
        file.seek(0)
        if start[:1] == pickle.PROTO:
            return _unpickled(file)
        if start == _GZIP:
            with gzip.open(file) as unpacked:
                return _unpickled(unpacked)
    traces = rows_of_file(_files.read_snapshot(os.path.abspath(filename)))
    return Snapshot(traces, traces.metadata.get("traceback_limit", 1))
