"""What the package does itself: the memory for it is not the program's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, Optional, Type, TypeVar, cast

from . import _mtrace

__all__ = ["OwnMemory", "own_memory"]

Function = TypeVar("Function", bound=Callable[..., Any])


class OwnMemory:
    """A context: what the calling thread allocates in it is known to the tracer, but not traced."""

    __slots__ = ("_was",)

    def __enter__(self) -> None:
        self._was = _mtrace._set_untraced(True)

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        where: Optional[TracebackType],
    ) -> None:
        _mtrace._set_untraced(self._was)


def own_memory(function: Function) -> Function:
    """The same for a function, as long as it runs."""

    @functools.wraps(function)
    def within(*arguments: Any, **named: Any) -> Any:
        was = _mtrace._set_untraced(True)
        try:
            return function(*arguments, **named)
        finally:
            _mtrace._set_untraced(was)

    return cast(Function, within)
