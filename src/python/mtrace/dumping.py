"""Snapshots as the pickles that tracemalloc writes and reads.

A pickle names the class of each object, and these name tracemalloc's: so they are put together
here, and not by the pickle module, which would name the classes that wrote them. Blocks that are
alike are the same bytes, however many there are.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Dict, Optional, Tuple, Union

from .frames import RawFrame, RawTraceback
from .rows import RowTraces

if TYPE_CHECKING:
    from .snapshot import Snapshot

__all__ = ["write_dump"]

_PROTOCOL = 4
# What a reader holds on its stack at once, as the pickle module has it.
_BATCH = 1000
# How much is put together before it is written.
_CHUNK = 1 << 20
# Of this protocol, a value's bytes have neither frames around them nor numbers in them that depend
# on what stands before.
_VALUE_PROTOCOL = 3


def _integer(value: int) -> bytes:
    if 0 <= value < 1 << 8:
        return struct.pack("<cB", pickle.BININT1, value)
    if 0 <= value < 1 << 16:
        return struct.pack("<cH", pickle.BININT2, value)
    if -1 << 31 <= value < 1 << 31:
        return struct.pack("<ci", pickle.BININT, value)
    length = value.bit_length() // 8 + 1
    return struct.pack("<cB", pickle.LONG1, length) + value.to_bytes(length, "little", signed=True)


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return struct.pack("<cI", pickle.BINUNICODE, len(data)) + data


def _value(value: Any) -> bytes:
    """Any value, without the beginning and the end of a pickle.

    It may overwrite what the reader remembers: nothing that follows it may ask for that.
    """
    return pickle.dumps(value, _VALUE_PROTOCOL)[2:-1]


def _new_object(name: str) -> bytes:
    return (
        pickle.GLOBAL + f"tracemalloc\n{name}\n".encode() + pickle.EMPTY_TUPLE + pickle.NEWOBJ
    )


class _Encoder:
    """Writes names, frames and tracebacks once, and afterwards refers to them by number."""

    def __init__(self) -> None:
        self._names: Dict[str, bytes] = {}
        self._frames: Dict[RawFrame, bytes] = {}
        # By identity. The tracebacks are kept, so that no other one gets the same id.
        self._tracebacks: Dict[int, Tuple[RawTraceback, bytes]] = {}
        self._numbers = 0

    def _remembered(self) -> Tuple[bytes, bytes]:
        """What makes the reader remember the last object, and what fetches it again."""
        number = self._numbers
        self._numbers += 1
        if number < 1 << 8:
            put = struct.pack("<cB", pickle.BINPUT, number)
            return put, struct.pack("<cB", pickle.BINGET, number)
        put = struct.pack("<cI", pickle.LONG_BINPUT, number)
        return put, struct.pack("<cI", pickle.LONG_BINGET, number)

    def _name(self, name: str) -> bytes:
        known = self._names.get(name)
        if known is None:
            put, self._names[name] = self._remembered()
            known = _text(name) + put
        return known

    def _frame(self, frame: RawFrame) -> bytes:
        known = self._frames.get(frame)
        if known is None:
            data = self._name(frame[0]) + _integer(frame[1]) + pickle.TUPLE2
            put, self._frames[frame] = self._remembered()
            known = data + put
        return known

    def traceback(self, traceback: RawTraceback) -> bytes:
        known = self._tracebacks.get(id(traceback))
        if known is not None:
            return known[1]
        data = pickle.MARK + b"".join(map(self._frame, traceback)) + pickle.TUPLE
        if not traceback:
            data = pickle.EMPTY_TUPLE
        put, get = self._remembered()
        self._tracebacks[id(traceback)] = (traceback, get)
        return data + put

    def trace(self, trace: Sequence[Any]) -> bytes:
        domain, size, traceback = trace[:3]
        known_total = trace[3] if len(trace) > 3 else None
        numbers = _integer(domain) + _integer(size)
        total = _integer(len(traceback) if known_total is None else known_total)
        return b"".join((pickle.MARK, numbers, self.traceback(traceback), total, pickle.TUPLE))


def _runs(traces: Sequence[Any]) -> Iterator[Tuple[Any, int]]:
    return traces.runs() if isinstance(traces, RowTraces) else ((trace, 1) for trace in traces)


def _batches(traces: Sequence[Any]) -> Iterator[bytes]:
    """The items of the list, in pieces of some size."""
    encoder = _Encoder()
    pieces, room = [pickle.MARK], _BATCH
    for trace, count in _runs(traces):
        first: Optional[bytes] = encoder.trace(trace)
        again: Optional[bytes] = None
        while count:
            taken = min(count, room)
            if taken > 1 or first is None:
                again = again or encoder.trace(trace)
            pieces.append((first or b"") + (again or b"") * (taken - (first is not None)))
            first = None
            count -= taken
            room -= taken
            if not room:
                pieces.append(pickle.APPENDS)
                yield b"".join(pieces)
                pieces, room = [pickle.MARK], _BATCH
    yield b"".join([*pieces, pickle.APPENDS])


def _pieces(snapshot: Snapshot) -> Iterator[bytes]:
    attributes = dict(vars(snapshot))
    traces = attributes.pop("traces")._traces
    limit = attributes.pop("traceback_limit")
    yield pickle.PROTO + bytes([_PROTOCOL])
    yield _new_object("Snapshot") + pickle.EMPTY_DICT + pickle.MARK
    yield _text("traces") + _new_object("_Traces") + pickle.EMPTY_DICT + _text("_traces")
    yield pickle.EMPTY_LIST
    yield from _batches(traces)
    yield pickle.SETITEM + pickle.BUILD
    yield _text("traceback_limit") + _integer(limit)
    for name, value in attributes.items():
        yield _text(name) + _value(value)
    yield pickle.SETITEMS + pickle.BUILD + pickle.STOP


def _write(file: IO[bytes], pieces: Iterator[bytes]) -> None:
    waiting, size = [], 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            file.write(b"".join(waiting))
            waiting, size = [], 0
    file.write(b"".join(waiting))


def write_dump(snapshot: Snapshot, filename: Union[str, os.PathLike[str]]) -> None:
    """Writes *snapshot* to the file *filename*, as ``tracemalloc.Snapshot.dump`` would."""
    with open(filename, "wb") as file:
        _write(file, _pieces(snapshot))
