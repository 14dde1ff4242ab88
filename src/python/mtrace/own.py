"""Keeps the package's own memory apart from the program's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from . import _mtrace

__all__ = ["own_memory"]

Function = TypeVar("Function", bound=Callable[..., Any])


def own_memory(function: Function) -> Function:
    """Makes the tracer know, but not trace, what the calling thread allocates in *function*."""

    @functools.wraps(function)
    def within(*arguments: Any, **named: Any) -> Any:
        was = _mtrace._set_untraced(True)
        try:
            return function(*arguments, **named)
        finally:
            _mtrace._set_untraced(was)

    return cast(Function, within)
