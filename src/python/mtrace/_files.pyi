"""Reads and writes snapshot files with mtrace's library."""

import os
from typing import Any, Dict, List, Sequence, Tuple, Union

_Path = Union[str, bytes, "os.PathLike[str]"]
_Frames = Tuple[Tuple[str, int], ...]
# (domain, live size, live count, peak size, peak count, total size, total count, traceback), and of
# estimates the variances of the six numbers in the middle
_Row = Sequence[Any]

def read_snapshot(
    path: _Path, /
) -> Tuple[List[_Row], List[Tuple[_Frames, int]], List[Tuple[str, ...]], Dict[str, Any]]:
    """Reads a snapshot file and returns (metrics, tracebacks, functions, metadata).

    A row has 0 for a metric that the file lacks: metadata["metrics"] names the metrics of the file.
    Its eighth number is an index into tracebacks, which are (frames, total_nframe) with the most
    recent frame first, and into functions, "" for an unknown one. An unresolved address is a frame
    of file MODULE+0xOFFSET, line 0. metadata has the known values of "kind", "program", "command",
    "pid", "host", "started_ns", "created_ns", "traceback_limit", "current", "peak",
    "tracer_memory", "sampling_rate", "merged", "truncated_tracebacks", "dropped_blocks",
    "unknown_frees", "missing_threads" and "work", of the process' memory in bytes "resident",
    "anonymous", "file", "shared", "huge_pages", "resident_peak", "swapped", "cgroup_use",
    "cgroup_limit", "held" and "free", and a dict "labels".

    Raises ValueError if the file cannot be read or is not a snapshot.
    """

def write_rows(
    path: _Path,
    metrics: Sequence[_Row],
    tracebacks: Sequence[Tuple[_Frames, int]],
    functions: Sequence[Sequence[str]],
    metadata: Dict[str, Any],
    /,
) -> None:
    """Writes a snapshot file from what read_snapshot() returns.

    Raises OSError if the file cannot be written.
    """
