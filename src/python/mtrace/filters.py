"""Filters: which blocks to keep."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .frames import RawTraceback

__all__ = ["BaseFilter", "DomainFilter", "Filter"]



_OWN_FILE = __file__.replace("filters.py", "__init__.py")
_OWN_FOLDER = os.path.dirname(_OWN_FILE)


def _normalized(filename: str) -> str:
    """The name as it is compared: a compiled file counts as its source."""
    filename = os.path.normcase(filename)
    return filename[:-1] if filename.endswith(".pyc") else filename


class BaseFilter:
    """The base of all filters: *inclusive* filters keep matching blocks, the others drop them.

    A derived class defines ``_match(trace)``, which gets ``(domain, size, frames, total_nframe)``
    and returns whether the filter keeps the block.
    """

    def __init__(self, inclusive: bool) -> None:
        self.inclusive = inclusive

    def _match(self, trace: Sequence[Any]) -> bool:
        raise NotImplementedError


class Filter(BaseFilter):
    """A filter by file name and, optionally, by line number and domain.

    *filename_pattern* is a glob, as in `fnmatch`; *lineno* None means every line. The filter looks
    at a traceback's most recent frame, or at all frames if *all_frames* is true. With *domain*, it
    applies only to the blocks of that address space.
    """

    def __init__(
        self,
        inclusive: bool,
        filename_pattern: str,
        lineno: Optional[int] = None,
        all_frames: bool = False,
        domain: Optional[int] = None,
    ) -> None:
        super().__init__(inclusive)
        self._filename_pattern = _normalized(filename_pattern)
        self.lineno = lineno
        self.all_frames = all_frames
        self.domain = domain

    @property
    def filename_pattern(self) -> str:
        """The glob; a ``.pyc`` at its end has become ``.py``."""
        return self._filename_pattern

    def _match_filename(self, filename: str) -> bool:
        # Programs filter out the tracer by ``tracemalloc.__file__``: it stands for the package.
        if self._filename_pattern == _OWN_FILE and os.path.dirname(filename) == _OWN_FOLDER:
            return True
        return fnmatch(_normalized(filename), self._filename_pattern)

    def _match_frame_impl(self, filename: str, lineno: int) -> bool:
        return self._match_filename(filename) and self.lineno in (None, lineno)

    def _match_frame(self, filename: str, lineno: int) -> bool:
        return self._match_frame_impl(filename, lineno) == bool(self.inclusive)

    def _match_traceback(self, traceback: RawTraceback) -> bool:
        frames = traceback if self.all_frames else traceback[:1]
        matches = any(self._match_frame_impl(filename, lineno) for filename, lineno in frames)
        return matches == bool(self.inclusive)

    def _match_domain(self, domain: int, kept: bool) -> bool:
        """Whether a block is kept, given whether its traceback is *kept*."""
        if self.domain is None:
            return kept
        if self.inclusive:
            return kept and domain == self.domain
        return kept or domain != self.domain

    def _match(self, trace: Sequence[Any]) -> bool:
        return self._match_domain(trace[0], self._match_traceback(trace[2]))


class DomainFilter(BaseFilter):
    """A filter by address space: Python's own memory is domain 0."""

    def __init__(self, inclusive: bool, domain: int) -> None:
        super().__init__(inclusive)
        self._domain = domain

    @property
    def domain(self) -> int:
        """Number of the address space."""
        return self._domain

    def _match(self, trace: Sequence[Any]) -> bool:
        return bool((trace[0] == self._domain) == bool(self.inclusive))


class _FilterOnce(Filter):
    """A filter's twin for one pass: matches the glob once per file name, not once per block."""

    def __init__(self, twin: Filter) -> None:
        super().__init__(
            twin.inclusive, twin.filename_pattern, twin.lineno, twin.all_frames, twin.domain
        )
        self._names: Dict[str, bool] = {}
        self._tracebacks: Dict[int, Tuple[RawTraceback, bool]] = {}

    def _match_filename(self, filename: str) -> bool:
        matches = self._names.get(filename)
        if matches is None:
            matches = self._names[filename] = super()._match_filename(filename)
        return matches

    def _match_traceback(self, traceback: RawTraceback) -> bool:
        # By identity: hashing a traceback would cost more than it saves. The tracebacks kept here
        # stay alive, so that their ids stay unique.
        known = self._tracebacks.get(id(traceback))
        if known is None:
            known = (traceback, super()._match_traceback(traceback))
            self._tracebacks[id(traceback)] = known
        return known[1]


def keeper(filters: Iterable[BaseFilter]) -> Callable[[Sequence[Any]], bool]:
    """A function that returns whether *filters* together keep a raw trace.

    They keep it if an inclusive filter matches it, or all are exclusive, and no exclusive one does.
    """
    inclusive: List[Callable[[Sequence[Any]], bool]] = []
    exclusive: List[Callable[[Sequence[Any]], bool]] = []
    for each in filters:
        match = (_FilterOnce(each) if type(each) is Filter else each)._match
        (inclusive if each.inclusive else exclusive).append(match)

    def keeps(trace: Sequence[Any]) -> bool:
        if inclusive and not any(match(trace) for match in inclusive):
            return False
        return all(match(trace) for match in exclusive)

    return keeps
