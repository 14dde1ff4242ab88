"""What the package does itself: the memory for it is not the program's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from . import _mtrace

__all__ = ["own_memory"]

Function = TypeVar("Function", bound=Callable[..., Any])


def own_memory(function: Function) -> Function:
    """Has *function* run with what the calling thread allocates known to the tracer, but not traced."""

    @functools.wraps(function)
    def within(*arguments: Any, **named: Any) -> Any:
        was = _mtrace._set_untraced(True)
        try:
            return function(*arguments, **named)
        finally:
            _mtrace._set_untraced(was)

    return cast(Function, within)
