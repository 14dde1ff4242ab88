"""Where a block was allocated: a line, and the calls that led to it."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable, Sequence
from functools import total_ordering
from typing import Any, List, Optional, Tuple, Union, overload

from .own import own_memory

__all__ = ["Frame", "Traceback"]

# (file name, line number), as the tracer returns it.
RawFrame = Tuple[str, int]
# The most recent frame first.
RawTraceback = Tuple[RawFrame, ...]
# One name for each frame of a traceback, in its order; None: unknown.
Functions = Sequence[Optional[str]]

UNKNOWN: RawFrame = ("<unknown>", 0)


_ADDRESS = re.compile(r"\+0x[0-9a-f]+$")


def is_native(filename: str, function: Optional[str]) -> bool:
    """Whether a frame's file name stands for code without a known source."""
    if function:
        return filename.endswith(f":{function}")
    return is_address(filename)


def is_address(filename: str) -> bool:
    """Whether a file name stands for an unresolved address."""
    return _ADDRESS.search(filename) is not None


@total_ordering
class Frame:
    """One step of a traceback: a line of a program.

    Frames compare by file name and line number.
    """

    __slots__ = ("_frame", "_function")

    def __init__(self, frame: RawFrame, function: Optional[str] = None) -> None:
        self._frame = frame
        self._function = function

    @property
    def filename(self) -> str:
        """Name of the file, as the interpreter knows it; ``<unknown>`` if it is unknown."""
        return self._frame[0]

    @property
    def lineno(self) -> int:
        """Number of the line; 0 if it is unknown, or if the frame stands for a whole file."""
        return self._frame[1]

    @property
    def function(self) -> Optional[str]:
        """Name of the function that contains the line; None if it is unknown."""
        return self._function

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Frame):
            return self._frame == other._frame
        return NotImplemented

    def __lt__(self, other: Frame) -> bool:
        if isinstance(other, Frame):
            return self._frame < other._frame
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._frame)

    def __str__(self) -> str:
        # Native code without a source: MODULE:FUNCTION or MODULE+0xOFFSET.
        if self.lineno == 0 and is_native(self.filename, self.function):
            return self.filename
        return f"{self.filename}:{self.lineno}"

    def __repr__(self) -> str:
        return f"<Frame filename={self.filename!r} lineno={self.lineno!r}>"


def _source_line(frame: Frame) -> str:
    """The line itself, without the spaces around it; "" if its file is not available."""
    try:
        return linecache.getline(frame.filename, frame.lineno).strip()
    except ValueError:  # a name that no file can have, with NUL or lone surrogates
        return ""


@total_ordering
class Traceback(Sequence[Any]):
    """The calls that led to an allocation: a sequence of `Frame`, the oldest call first.

    *frames* are tuples of file name and line number, the most recent one first. *total_nframe* is
    their number before they were cut to the traceback limit. *functions* names the function of each
    frame; comparisons ignore it.
    """

    __slots__ = ("_frames", "_total_nframe", "_functions")

    def __init__(
        self,
        frames: Iterable[RawFrame],
        total_nframe: Optional[int] = None,
        functions: Optional[Functions] = None,
    ) -> None:
        self._frames: RawTraceback = tuple(frames)[::-1]
        self._total_nframe = total_nframe
        self._functions = None if functions is None else tuple(functions)[::-1]

    @property
    def total_nframe(self) -> Optional[int]:
        """The number of frames before they were cut to the limit; None if it is unknown."""
        return self._total_nframe

    def _frame_at(self, index: int) -> Frame:
        functions = self._functions
        return Frame(self._frames[index], functions[index] if functions else None)

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> Tuple[Frame, ...]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[Frame, Tuple[Frame, ...]]:
        if isinstance(index, slice):
            return tuple(map(self._frame_at, range(*index.indices(len(self._frames)))))
        return self._frame_at(index)

    def __contains__(self, frame: Any) -> bool:
        return frame._frame in self._frames

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Traceback):
            return self._frames == other._frames
        return NotImplemented

    def __lt__(self, other: Traceback) -> bool:
        if isinstance(other, Traceback):
            return self._frames < other._frames
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._frames)

    def __str__(self) -> str:
        return str(self[0])

    def __repr__(self) -> str:
        total = "" if self._total_nframe is None else f" total_nframe={self._total_nframe}"
        return f"<Traceback {tuple(self)}{total}>"

    @own_memory
    def format(self, limit: Optional[int] = None, most_recent_first: bool = False) -> List[str]:
        """The traceback as lines of text, with the source lines of available files.

        A positive *limit* keeps that many of the most recent frames, a negative one leaves that
        many of them out. The oldest frame comes first, unless *most_recent_first* is true.
        """
        frames = self[:]
        if limit is not None:
            frames = frames[-limit:] if limit > 0 else frames[:limit]
        lines = []
        for frame in reversed(frames) if most_recent_first else frames:
            lines.append(f'  File "{frame.filename}", line {frame.lineno}')
            source = _source_line(frame)
            if source:
                lines.append(f"    {source}")
        return lines
