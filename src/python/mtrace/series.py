"""The snapshots that one process writes while it runs: their names, and how many are kept."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from typing import Optional, Pattern

from .start_options import DEFAULT_OUTPUT

__all__ = ["Series"]

_SUFFIX = ".zst"


def _program() -> str:
    return os.path.basename(os.path.realpath("/proc/self/exe"))


def _with_number(path: str, number: object) -> str:
    """*path* with ".NUMBER" before its suffix."""
    stem = path[: -len(_SUFFIX)] if path.endswith(_SUFFIX) else path
    return f"{stem}.{number}{path[len(stem):]}"


def number_of_last_snapshot(pattern: str) -> int:
    """How many snapshots a process counts as its own earlier ones, so that it replaces none of those
    that runs before it left: the highest number among them, and one more where the newest has the
    plain name. 0 where names differ by process. *pattern* is an absolute path."""
    folder, name = os.path.split(pattern)
    if "%" in folder or "%p" in re.findall("%.", name):
        return 0
    numbered = name if "%n" in re.findall("%.", name) else _with_number(name, "%n")
    plain, earlier = _expression(name), _expression(numbered)
    last, has_plain = 0, False
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if match := earlier.fullmatch(entry.name):
                last = max(last, int(match[1])) if entry.is_file() else last
            elif plain.fullmatch(entry.name):
                has_plain = has_plain or entry.is_file()
    return last + has_plain


def _expression(pattern: str) -> Pattern[str]:
    """What matches a pattern's names; its group is their number. More than nine digits are somebody
    else's number, and any program's name is one."""
    words = {"%e": ".+", "%n": "([0-9]{1,9})", "%%": "%"}
    parts = re.split("(%.)", pattern)
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts), re.DOTALL)


class Series:
    """Writes snapshots under names that are made from *pattern*.

    In it ``%e`` is the interpreter's name, ``%p`` the process id and ``%n`` the number of the
    snapshot, in four digits or more. Without ``%n`` the newest snapshot has the name and earlier ones get their number;
    without ``%p``, processes but the first one get their process id. A folder means the usual name
    in it. With *keep*, only so many are kept. *number* is that of the last one that there is; None: as
    the folder says.
    """

    def __init__(self, pattern: str, keep: int, is_first_process: bool, number: Optional[int] = 0) -> None:
        if os.path.isdir(pattern):
            pattern = os.path.join(pattern, DEFAULT_OUTPUT)
        # The program may go to another folder.
        self.pattern = os.path.abspath(pattern)
        self.number = number_of_last_snapshot(self.pattern) if number is None else number
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
        if not os.path.lexists(newest):
            return
        # A second name, so that the first one is never without a snapshot.
        with contextlib.suppress(OSError):
            os.unlink(earlier)
        with contextlib.suppress(OSError):
            os.link(newest, earlier)
