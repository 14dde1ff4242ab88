"""Single blocks, as tracemalloc shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Tuple, Union, overload

from .frames import Functions, RawTraceback, Traceback
from .own import own_memory
from .rows import RowTraces
from .sizes import format_size

__all__ = ["Trace"]

# (domain, size, frames, total_nframe); Python up to 3.8 knew no total_nframe.
RawTrace = Tuple[int, int, RawTraceback, int]


class Trace:
    """One block of memory: its domain, its size and its traceback."""

    __slots__ = ("_trace", "_functions")

    def __init__(self, trace: RawTrace, functions: Optional[Functions] = None) -> None:
        self._trace = trace
        self._functions = functions

    @property
    def domain(self) -> int:
        """Number of the block's address space; 0 is Python's own."""
        return self._trace[0]

    @property
    def size(self) -> int:
        """Size of the block in bytes."""
        return self._trace[1]

    @property
    def traceback(self) -> Traceback:
        """The calls that allocated the block."""
        total_nframe = self._trace[3] if len(self._trace) > 3 else None
        return Traceback(self._trace[2], total_nframe, self._functions)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Trace):
            return self._trace == other._trace
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._trace)

    def __str__(self) -> str:
        return f"{self.traceback}: {format_size(self.size)}"

    def __repr__(self) -> str:
        size = format_size(self.size)
        return f"<Trace domain={self.domain} size={size}, traceback={self.traceback!r}>"


class _Traces(Sequence[Any]):
    """The blocks of a snapshot; each `Trace` is made on demand.

    *traces* is a sequence of raw traces: a list of tuples, or the tracer's own compact rows.
    """

    def __init__(self, traces: Sequence[RawTrace]) -> None:
        self._traces = traces

    @own_memory
    def _wrap(self, index: int) -> Trace:
        traces = self._traces
        if isinstance(traces, RowTraces):
            return Trace(*traces.with_functions(index))
        return Trace(traces[index])

    def __len__(self) -> int:
        return len(self._traces)

    @overload
    def __getitem__(self, index: int) -> Trace: ...
    @overload
    def __getitem__(self, index: slice) -> Tuple[Trace, ...]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[Trace, Tuple[Trace, ...]]:
        if isinstance(index, slice):
            return tuple(map(self._wrap, range(*index.indices(len(self)))))
        return self._wrap(index)

    def __contains__(self, trace: Any) -> bool:
        return trace._trace in self._traces

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Traces):
            return self._traces == other._traces
        return NotImplemented

    def __repr__(self) -> str:
        return f"<Traces len={len(self)}>"
