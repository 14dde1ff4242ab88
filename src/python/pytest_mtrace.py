"""pytest: tests that may take only so much memory.

    @pytest.mark.mtrace(max_peak="5 MiB", max_growth="1 MiB")
    def test_import():
        ...

A test that takes more fails, and the report names the lines that took most. The fixture ``mtrace``
is the package itself, for limits inside of a test:

    def test_cache(mtrace):
        with mtrace.budget(max_growth="100 KiB"):
            fill_cache()

Limits for all tests are in pytest's configuration (``mtrace_max_peak``, ``mtrace_max_growth``), or in
the table ``[pytest]`` of ``mtrace.toml``, which also has those of single tests:

    [pytest]
    max_growth = "1 MiB"

    [[pytest.budget]]
    tests = "tests/test_import.py::*"
    max_peak = "64 MiB"

The nearest one counts, for each limit: the test's marks, a budget of its name, the command line, the
configuration, the table. None as a mark's limit, and false in the table, is no limit.
``--mtrace-json FILE`` writes what each test took.

The package is loaded by the tests that use it: a pytest without them does not notice this plugin.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import json
import os
import sys
import types
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

import pytest

__all__ = [
    "mtrace",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_logreport",
    "pytest_sessionfinish",
]

_LIMITS = ("max_peak", "max_growth")
_TABLE_KEYS = (*_LIMITS, "nframe")
_BUDGET_KEYS = (*_TABLE_KEYS, "tests", "reason", "owner", "expires")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the limits of all tests, and the file of results."""
    group = parser.getgroup("mtrace", "memory of tests")
    for name, what in (("max_peak", "while it runs"), ("max_growth", "and leave behind")):
        words = f"memory that a test may take {what}, such as '5 MiB'"
        group.addoption(f"--mtrace-{name.replace('_', '-')}", metavar="SIZE", help=words)
        parser.addini(f"mtrace_{name}", f"{words}; a mark mtrace on a test goes before", default=None)
    group.addoption("--mtrace-json", metavar="FILE", help="measure every test, and write what each took")


class _Wrong(Exception):
    """What is wrong in a configuration, in words."""


def _limits_in(table: Mapping[str, Any], keys: Tuple[str, ...], where: str) -> Dict[str, Any]:
    """The limits of a table; false is none."""
    for key in table:
        if key not in keys:
            raise _Wrong(f"{where}: unknown key {key!r}; there are {', '.join(keys)}")
    return {key: None if table[key] is False else table[key] for key in _TABLE_KEYS if key in table}


class _Budget:
    """A ``[[pytest.budget]]``: limits of the tests that a glob names."""

    def __init__(self, table: Any, number: int, path: Path) -> None:
        where = f"{path}: [[pytest.budget]] number {number}"
        if not isinstance(table, dict) or not isinstance(table.get("tests"), (str, list)):
            raise _Wrong(f'{where}: needs tests, such as tests = "tests/test_import.py::*"')
        self.limits = _limits_in(table, _BUDGET_KEYS, where)
        self._globs = [table["tests"]] if isinstance(table["tests"], str) else table["tests"]
        expires = table.get("expires")
        if expires is not None and not isinstance(expires, datetime.date):
            raise _Wrong(f"{where}: expires is a date without quotes: write 2027-01-31")
        if expires is not None and expires < datetime.date.today():
            raise _Wrong(f"{where}: expired on {expires}: renew or remove it")

    def names(self, test: str) -> bool:
        return any(fnmatchcase(test, glob) for glob in self._globs)


class _File:
    """The table ``[pytest]`` of mtrace.toml."""

    def __init__(self, path: Path) -> None:
        self.limits: Dict[str, Any] = {}
        self.budgets: List[_Budget] = []
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        table = _parse(text, path).get("pytest", {})
        if not isinstance(table, dict):
            raise _Wrong(f"{path}: pytest is a table: write [pytest]")
        budgets = table.pop("budget", [])
        self.limits = _limits_in(table, _TABLE_KEYS, f"{path}: [pytest]")
        if not isinstance(budgets, list):
            raise _Wrong(f"{path}: budgets of tests are lists of tables: write [[pytest.budget]]")
        self.budgets = [_Budget(budget, number, path) for number, budget in enumerate(budgets, 1)]

    def limits_of(self, test: str) -> Dict[str, Any]:
        """Those of the budgets that name the test; the last one counts."""
        limits: Dict[str, Any] = {}
        for budget in self.budgets:
            if budget.names(test):
                limits.update(budget.limits)
        return limits


def _parse(text: str, path: Path) -> Dict[str, Any]:
    # Where Python lacks a parser, pytest brings one.
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        table: Dict[str, Any] = toml.loads(text)
    except toml.TOMLDecodeError as error:
        raise _Wrong(f"{path}: {error}") from None
    return table


class _Settings:
    """What limits there are, and what is known of tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._file = _File(Path(str(config.rootpath)) / "mtrace.toml")
        self._defaults = dict(self._file.limits)
        for name in _LIMITS:
            for value in (config.getini(f"mtrace_{name}"), config.getoption(f"mtrace_{name}")):
                if value:
                    self._defaults[name] = value
        self.json_file: Optional[str] = config.getoption("mtrace_json")
        self.results: List[Dict[str, Any]] = []
        self._check(self._defaults)
        for budget in self._file.budgets:
            self._check(budget.limits)

    @staticmethod
    def _check(limits: Dict[str, Any]) -> None:
        if not limits:
            return
        from mtrace import budget

        try:
            budget(**limits)
        except (TypeError, ValueError) as error:
            raise _Wrong(f"mtrace: {error}") from None

    def of(self, item: pytest.Item) -> Optional[Tuple[Tuple[Any, ...], Dict[str, Any]]]:
        """Arguments for the test's budget; None: it is not measured."""
        limits = {**self._defaults, **self._file.limits_of(item.nodeid)}
        mark = _mark(item)
        if mark is not None:
            return mark.args, {**limits, **mark.kwargs}
        if self.json_file is None and all(limits.get(name) is None for name in _LIMITS):
            return None
        return (), limits


_settings: Dict[int, _Settings] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark, and reads the limits of all tests."""
    config.addinivalue_line(
        "markers",
        "mtrace(max_peak=None, max_growth=None, nframe=10): limits for the memory that the test "
        'takes while it runs and leaves behind, such as "5 MiB"',
    )
    try:
        _settings[id(config)] = _Settings(config)
    except _Wrong as error:
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Forgets them."""
    _settings.pop(id(config), None)


@pytest.fixture(name="mtrace")
def mtrace() -> types.ModuleType:
    """The package mtrace: ``mtrace.budget(max_peak=…, max_growth=…)`` limits a part of the test."""
    import mtrace as package

    return package


def _mark(item: pytest.Item) -> Optional[pytest.Mark]:
    """What the marks of a test say together; the nearest one counts."""
    marks = list(item.iter_markers("mtrace"))
    return functools.reduce(pytest.Mark.combined_with, reversed(marks)) if marks else None


def _run_within(item: pytest.Item, arguments: Tuple[Any, ...], limits: Dict[str, Any], run: Callable[[], None]) -> None:
    """Runs a test; one that takes too much memory fails, if it has not failed by itself."""
    from mtrace import BudgetExceeded, budget
    from mtrace.sizes import parse_size

    try:
        held = budget(*arguments, **limits)
    except (TypeError, ValueError) as error:
        pytest.fail(f"the mark mtrace: {error}", pytrace=False)
    usage = None
    problem = None
    try:
        with held as usage:
            run()
    except BudgetExceeded as error:
        problem = str(error)
    finally:
        if usage is not None:
            facts = {"peak": usage.peak, "growth": usage.growth, "over": int(problem is not None)}
            facts.update({name: parse_size(limits[name]) for name in _LIMITS if limits.get(name) is not None})
            item.user_properties += [(f"mtrace_{name}", value) for name, value in facts.items()]
    if problem is not None:
        pytest.fail(problem, pytrace=False)


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Holds the test, but not its fixtures, to its limits."""
    found = _settings[id(item.config)].of(item)
    if found is None:
        yield
        return
    # In place of the method and not around it: what a hook raises here would keep the other plugins
    # from ending what they began.
    run = item.runtest
    held = functools.partial(_run_within, item, *found, run)
    setattr(item, "runtest", held)  # noqa: B010  what a checker calls a method
    yield
    del item.runtest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collects what each test took, also from the processes of pytest-xdist."""
    known = {str(name): value for name, value in report.user_properties}
    if report.when != "call" or "mtrace_peak" not in known:
        return
    limits = {name: known.get(f"mtrace_{name}") for name in _LIMITS}
    result = "over" if known["mtrace_over"] else "within"
    if result == "within" and report.outcome != "passed":
        result = "failed"
    measured = {"peak": known["mtrace_peak"], "growth": known["mtrace_growth"]}
    for settings in _settings.values():
        settings.results.append({"name": report.nodeid, "result": result, **measured, **limits})


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the results, whole or not at all."""
    settings = _settings.get(id(session.config))
    if settings is None or settings.json_file is None or hasattr(session.config, "workerinput"):
        return
    document = {"schema": "mtrace.tests/1", "tests": settings.results}
    path = Path(str(session.config.invocation_params.dir)) / settings.json_file
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise pytest.UsageError(f"--mtrace-json: {error}") from None
