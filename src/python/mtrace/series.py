"""The snapshots that one process writes while it runs: their names, and how many are kept."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable

from .start_options import DEFAULT_OUTPUT

__all__ = ["Series"]

_SUFFIX = ".zst"


def _program() -> str:
    return os.path.basename(os.path.realpath("/proc/self/exe"))


def _with_number(path: str, number: int) -> str:
    """*path* with ".NUMBER" before its suffix."""
    stem = path[: -len(_SUFFIX)] if path.endswith(_SUFFIX) else path
    return f"{stem}.{number}{path[len(stem):]}"


class Series:
    """Writes snapshots under names that are made from *pattern*.

    In it ``%e`` is the interpreter's name, ``%p`` the process id and ``%n`` the number of the
    snapshot, in four digits or more. Without ``%n`` the newest snapshot has the name and earlier ones get their number;
    without ``%p``, processes but the first one get their process id. A folder means the usual name
    in it. With *keep*, only so many are kept.
    """

    def __init__(self, pattern: str, keep: int, is_first_process: bool, number: int = 0) -> None:
        if os.path.isdir(pattern):
            pattern = os.path.join(pattern, DEFAULT_OUTPUT)
        # The program may go to another folder.
        self.pattern = os.path.abspath(pattern)
        self.number = number
        self._keep = keep
        self._is_first_process = is_first_process

    def _has(self, conversion: str) -> bool:
        return conversion in re.findall("%.", self.pattern)

    def forked(self) -> None:
        """This process is a child of the one that the series was made for."""
        self._is_first_process = False
        self.number = 0

    def _name(self, number: int) -> str:
        words = {"%e": _program(), "%p": str(os.getpid()), "%n": f"{number:04}", "%%": "%"}
        path = re.sub("%.", lambda match: words.get(match[0], match[0]), self.pattern)
        if not self._is_first_process and not self._has("%p"):
            path = _with_number(path, os.getpid())
        return path

    def _name_of_earlier(self, number: int) -> str:
        name = self._name(number)
        return name if self._has("%n") else _with_number(name, number)

    def write(self, write_snapshot: Callable[[str], None]) -> str:
        """Has *write_snapshot* write the next one and returns its path. OSError where it cannot."""
        number = self.number + 1
        path = self._name(number)
        if number > 1 and not self._has("%n") and self._keep != 1:
            self._keep_earlier(path, self._name_of_earlier(number - 1))
        write_snapshot(path)
        self.number = number
        if 0 < self._keep < number:
            with contextlib.suppress(OSError):
                os.unlink(self._name_of_earlier(number - self._keep))
        return path

    @staticmethod
    def _keep_earlier(newest: str, earlier: str) -> None:
        # A second name, so that the first one is never without a snapshot.
        with contextlib.suppress(OSError):
            os.unlink(earlier)
        with contextlib.suppress(OSError):
            os.link(newest, earlier)
