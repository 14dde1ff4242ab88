"""Limits for the memory of tests of the standard library's unittest.

    class TestCache(mtrace.testing.MemoryLimits, unittest.TestCase):
        max_growth = "100 KiB"

        @mtrace.testing.memory_limit(max_peak="5 MiB")
        def test_fill(self):
            fill_cache()
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, TypeVar, Union, cast

from .budgets import budget

__all__ = ["MemoryLimits", "memory_limit"]

Size = Union[int, str, None]
Function = TypeVar("Function", bound=Callable[..., Any])

# Marks a test that has limits of its own.
_LIMITS = "__mtrace_limits__"

if TYPE_CHECKING:
    from unittest import TestCase as _Base
else:
    _Base = object


def memory_limit(*, max_peak: Size = None, max_growth: Size = None, nframe: int = 10) -> Callable[[Function], Function]:
    """Makes a test, or any function, fail with `BudgetExceeded` if it exceeds its limits: see `mtrace.budget`.

    On a test of a class with `MemoryLimits`, it counts in place of the class' limits.
    """
    budget(max_peak=max_peak, max_growth=max_growth, nframe=nframe)  # a wrong size is found here

    def limited(function: Function) -> Function:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*arguments: Any, **named: Any) -> Any:
                with budget(max_peak=max_peak, max_growth=max_growth, nframe=nframe):
                    return await function(*arguments, **named)

            setattr(awaited, _LIMITS, True)
            return cast(Function, awaited)

        @functools.wraps(function)
        def within(*arguments: Any, **named: Any) -> Any:
            with budget(max_peak=max_peak, max_growth=max_growth, nframe=nframe):
                return function(*arguments, **named)

        setattr(within, _LIMITS, True)
        return cast(Function, within)

    return limited


class MemoryLimits(_Base):
    """A mixin for a `unittest.TestCase`, to stand before it: holds each of its tests to limits.

    ``setUp`` and ``tearDown`` do not count.
    """

    #: Limits of each test; None: no limit.
    max_peak: Optional[Union[int, str]] = None
    max_growth: Optional[Union[int, str]] = None
    #: Frames that are kept of a traceback.
    nframe: int = 10

    def _callTestMethod(self, method: Callable[[], Any]) -> Any:  # noqa: N802  unittest's name
        call = getattr(super(), "_callTestMethod", None)
        run = (lambda: call(method)) if call is not None else method
        if hasattr(method, _LIMITS) or (self.max_peak is None and self.max_growth is None):
            return run()
        with budget(max_peak=self.max_peak, max_growth=self.max_growth, nframe=self.nframe):
            return run()
