"""Snapshots in files: the pickles that tracemalloc writes and reads, and mtrace's own format.

A file may come from anyone: only the classes of snapshots are accepted in a pickle.
"""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import subprocess
import tempfile
import warnings
from itertools import chain, repeat
from typing import IO, Any, Union, cast

from . import _files
from .command import find_command
from .frames import is_address
from .rows import RowTraces, rows_of_file
from .snapshot import Snapshot
from .traces import _Traces

__all__ = ["load_rows", "load_snapshot", "write_dump"]

# --- written ---

# A pickle names the class of each object, and a dump names tracemalloc's classes. So the functions
# here build the two objects: the pickle module would name this package's classes.
_PROTOCOL = 4
# In this protocol, a value's bytes have no frames around them, and no numbers that depend on the
# bytes before.
_VALUE_PROTOCOL = 3


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return struct.pack("<cI", pickle.BINUNICODE, len(data)) + data


def _value(value: Any) -> bytes:
    """Any value, without the beginning and the end of a pickle.

    It may overwrite the reader's memo, which the bytes after it must not use.
    """
    return pickle.dumps(value, _VALUE_PROTOCOL)[2:-1]


def _new_object(name: str) -> bytes:
    return (
        pickle.GLOBAL + f"tracemalloc\n{name}\n".encode() + pickle.EMPTY_TUPLE + pickle.NEWOBJ
    )


def write_dump(snapshot: Snapshot, filename: Union[str, os.PathLike[str]]) -> None:
    """Writes *snapshot* to the file *filename*, as ``tracemalloc.Snapshot.dump`` would."""
    attributes = dict(vars(snapshot))
    traces = attributes.pop("traces")._traces
    if isinstance(traces, RowTraces):
        # Equal blocks share one object, which the pickle holds once.
        traces = list(chain.from_iterable(repeat(trace, count) for trace, count in traces.runs()))
    with open(filename, "wb") as file:
        file.write(pickle.PROTO + bytes([_PROTOCOL]))
        file.write(_new_object("Snapshot") + pickle.EMPTY_DICT + pickle.MARK + _text("traces"))
        file.write(_new_object("_Traces") + pickle.EMPTY_DICT + _text("_traces"))
        file.write(_value(traces))
        file.write(pickle.SETITEM + pickle.BUILD)
        for name, value in attributes.items():
            file.write(_text(name) + _value(value))
        file.write(pickle.SETITEMS + pickle.BUILD + pickle.STOP)


# --- read ---

_GZIP = b"\x1f\x8b"
# The classes that a pickle of a snapshot may name: those that tracemalloc writes, and those that
# pickle.dump() writes for a mtrace.Snapshot.
_CLASSES = {
    ("tracemalloc", "Snapshot"): Snapshot,
    ("tracemalloc", "_Traces"): _Traces,
    (Snapshot.__module__, "Snapshot"): Snapshot,
    (_Traces.__module__, "_Traces"): _Traces,
    (RowTraces.__module__, "RowTraces"): RowTraces,
}


class _SnapshotUnpickler(pickle.Unpickler):
    """Makes snapshots and their parts, and refuses every other class and function."""

    def find_class(self, module: str, name: str) -> Any:
        found = _CLASSES.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"class {module}.{name} is not part of a snapshot")
        return found


def _checked(content: Any) -> Snapshot:
    """*content* if it is a snapshot, with blocks in the form of Python 3.9 and later."""
    snapshot = cast(Snapshot, content)
    attributes = vars(snapshot) if isinstance(content, Snapshot) else {}
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


def _has_addresses(content: Any) -> bool:
    frames = {frame for traceback, _ in content[1] for frame in traceback}
    return any(line == 0 and is_address(name) for name, line in frames)


def _read(path: str) -> Any:
    """What a snapshot file holds, with addresses looked up by the command mtrace."""
    content = _files.read_snapshot(path)
    if not _has_addresses(content):
        return content
    command = find_command()
    if command is None:
        warnings.warn(
            f"{path} has addresses of native code, which the command mtrace looks up; it is not found",
            stacklevel=4,
        )
        return content
    with tempfile.TemporaryDirectory() as folder:
        resolved = os.path.join(folder, "resolved.zst")
        environment = {key: value for key, value in os.environ.items() if key != "MTRACE"}
        # Its warnings are about modules whose code is not available: their addresses remain.
        done = subprocess.run(
            [command, "symbolize", path, "-o", resolved],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return _files.read_snapshot(resolved) if done.returncode == 0 else content


def load_rows(filename: Union[str, os.PathLike[str]]) -> RowTraces:
    """The blocks in a file of mtrace's own format."""
    return rows_of_file(_read(os.path.abspath(filename)))


def load_snapshot(filename: Union[str, os.PathLike[str]]) -> Snapshot:
    """Reads a snapshot; see `Snapshot.load`."""
    with open(filename, "rb") as file:
        start = file.read(2)
        file.seek(0)
        if start[:1] == pickle.PROTO:
            return _unpickled(file)
        if start == _GZIP:
            with gzip.open(file) as unpacked:
                return _unpickled(cast("IO[bytes]", unpacked))
    traces = load_rows(filename)
    return Snapshot(traces, traces.metadata.get("traceback_limit", 1))
