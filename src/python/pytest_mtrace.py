"""pytest: tests that may take only so much memory.

    @pytest.mark.mtrace(max_peak="5 MiB", max_growth="1 MiB")
    def test_import():
        ...

A test that takes more fails, and the report names the lines that took most. The fixture ``mtrace``
is the package itself, for limits inside of a test:

    def test_cache(mtrace):
        with mtrace.budget(max_growth="100 KiB"):
            fill_cache()

The package is loaded by the tests that use it: a pytest without them does not notice this plugin.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Optional

import pytest

__all__ = ["mtrace", "pytest_configure", "pytest_runtest_call"]


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark."""
    config.addinivalue_line(
        "markers",
        "mtrace(max_peak=None, max_growth=None, nframe=10): limits for the memory that the test "
        'takes while it runs and leaves behind, such as "5 MiB"',
    )


@pytest.fixture(name="mtrace")
def mtrace() -> types.ModuleType:
    """The package mtrace: ``mtrace.budget(max_peak=…, max_growth=…)`` limits a part of the test."""
    import mtrace as package

    return package


def _mark(item: pytest.Item) -> Optional[pytest.Mark]:
    """What the marks of a test say together; the nearest one counts."""
    marks = list(item.iter_markers("mtrace"))
    return functools.reduce(pytest.Mark.combined_with, reversed(marks)) if marks else None


def _run_within(mark: pytest.Mark, run: Callable[[], None]) -> None:
    """Runs a test; one that takes too much memory fails, if it has not failed by itself."""
    from mtrace import BudgetExceeded, budget

    problem = None
    try:
        held = budget(*mark.args, **mark.kwargs)
    except (TypeError, ValueError) as error:
        problem = f"the mark mtrace: {error}"
    else:
        try:
            with held:
                run()
        except BudgetExceeded as error:
            problem = str(error)
    if problem is not None:
        pytest.fail(problem, pytrace=False)


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Holds the test, but not its fixtures, to the limits of its mark."""
    mark = _mark(item)
    if mark is None:
        yield
        return
    # In place of the method and not around it: what a hook raises here would keep the other plugins
    # from ending what they began.
    run = item.runtest
    held = functools.partial(_run_within, mark, run)
    setattr(item, "runtest", held)  # noqa: B010  what a checker calls a method
    yield
    del item.runtest
