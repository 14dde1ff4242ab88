"""Starts and stops tracing, and takes snapshots.

The tracer's own functions are available here under tracemalloc's names.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import Any, Dict, Optional, Union

from . import _mtrace
from ._mtrace import (
    add_work,
    clear_traces,
    get_traceback_limit,
    get_traced_memory,
    get_tracemalloc_memory,
    is_tracing,
    reset_peak,
    start,
    stop,
)
from .frames import Traceback
from .own import own_memory
from .rows import RowTraces, rows_of_tracer
from .snapshot import Snapshot

__all__ = [
    "add_work",
    "clear_traces",
    "get_object_traceback",
    "get_traceback_limit",
    "get_traced_memory",
    "get_tracemalloc_memory",
    "is_tracing",
    "reset_peak",
    "start",
    "stop",
    "take_snapshot",
    "write_snapshot",
]


def _get_traces() -> RowTraces:
    """The live blocks: a sequence of raw traces, made on demand."""
    if _mtrace._has_native_frames() or _mtrace._get_sampling_rate():
        return _traces_of_file()
    return rows_of_tracer(_mtrace._get_snapshot(), _metadata())


def _traces_of_file() -> RowTraces:
    """The same by a file, which has more: the variances of estimates; the names and lines of native code,
    which the command mtrace looks up."""
    from .snapshot_files import load_rows

    with tempfile.TemporaryDirectory(prefix="mtrace-") as folder:
        path = os.path.join(folder, "snapshot.zst")
        _mtrace.write_snapshot(path)
        return load_rows(path)


def _metadata() -> Dict[str, Any]:
    """A snapshot's data about this process and this moment."""
    current, peak = get_traced_memory()
    return {
        "program": sys.executable,
        "command": list(getattr(sys, "orig_argv", None) or [sys.executable, *sys.argv]),
        "pid": os.getpid(),
        "host": os.uname().nodename,
        "created_ns": time.time_ns(),
        "current": current,
        "peak": peak,
    }


@own_memory
def get_object_traceback(obj: Any) -> Optional[Traceback]:
    """Where the Python object *obj* was allocated.

    None if tracing is off, or was off at that moment.
    """
    found = _mtrace._get_object_traceback(obj)
    return None if found is None else Traceback(*found)


@own_memory
def take_snapshot() -> Snapshot:
    """Take a snapshot of the live blocks that were allocated while tracing was on.

    Its cost depends on the number of different tracebacks and sizes, not on the number of blocks.
    To write a file only, `write_snapshot` is cheaper: it makes no Python objects. If tracing samples,
    the blocks are estimates: as many as the samples stand for, of the size that they have on average.

    Raises RuntimeError if tracing is off.
    """
    # The package's functions: a test may have replaced them.
    package = sys.modules[__package__]
    if not package.is_tracing():
        raise RuntimeError(
            "the tracemalloc module must be tracing memory allocations to take a snapshot"
        )
    return Snapshot(package._get_traces(), package.get_traceback_limit())


@own_memory
def write_snapshot(path: Union[str, os.PathLike[str]]) -> None:
    """Write a snapshot of this moment to the file *path*, in mtrace's own format.

    This takes milliseconds and next to no memory, however many blocks are alive. The file appears
    only when it is complete. The command ``mtrace`` and `Snapshot.load` read it.

    Raises RuntimeError if tracing is off, OSError if the file cannot be written.
    """
    if not is_tracing():
        raise RuntimeError("mtrace must be tracing memory allocations to write a snapshot")
    _mtrace.write_snapshot(os.fspath(path))
