"""Traces a whole program from its start to its end, and writes snapshots."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import re
import signal as signals
import sys
import threading
from collections.abc import Callable
from typing import Any, Optional, Pattern

from . import _mtrace, tracing
from .own import own_memory
from .start_options import DEFAULT_OUTPUT, StartOptions, start_value

__all__ = ["Series", "Session"]

_SUFFIX = ".zst"


def _program() -> str:
    return os.path.basename(os.path.realpath("/proc/self/exe"))


def _with_number(path: str, number: object) -> str:
    """*path* with ".NUMBER" before its suffix."""
    stem = path[: -len(_SUFFIX)] if path.endswith(_SUFFIX) else path
    return f"{stem}.{number}{path[len(stem):]}"


def number_of_last_snapshot(pattern: str) -> int:
    """The number of snapshots of earlier runs, which this process keeps and counts as its own: the
    highest number among them, plus one if the newest has the plain name. 0 if names differ by
    process. *pattern* is an absolute path."""
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
    """An expression for a pattern's names; its group is their number. A number of more than nine
    digits is not ours. Any program's name matches."""
    words = {"%e": ".+", "%n": "([0-9]{1,9})", "%%": "%"}
    parts = re.split("(%.)", pattern)
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts), re.DOTALL)


class Series:
    """Writes snapshots under names that are made from *pattern*.

    ``%e`` is the interpreter's name, ``%p`` the process id and ``%n`` the number of the snapshot,
    in four digits or more. Without ``%n``, the newest snapshot gets the plain name and earlier ones
    get their number; without ``%p``, processes other than the first get their process id. A folder
    stands for the default name in that folder. *keep* is the number of snapshots to keep. *number*
    is that of the last existing snapshot; None: that of the files in the folder.
    """

    def __init__(self, pattern: str, keep: int, is_first_process: bool, number: Optional[int] = 0) -> None:
        if os.path.isdir(pattern):
            pattern = os.path.join(pattern, DEFAULT_OUTPUT)
        # The program may change its folder.
        self.pattern = os.path.abspath(pattern)
        self.number = number_of_last_snapshot(self.pattern) if number is None else number
        self._keep = keep
        self._is_first_process = is_first_process

    def _has(self, conversion: str) -> bool:
        return conversion in re.findall("%.", self.pattern)

    def forked(self) -> None:
        """Tells the series that this process is a child of the process that made it."""
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
        """Has *write_snapshot* write the next snapshot and returns its path. Raises OSError."""
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
        # A second name: the first one always has a snapshot.
        with contextlib.suppress(OSError):
            os.unlink(earlier)
        with contextlib.suppress(OSError):
            os.link(newest, earlier)


class Session:
    """Starts tracing and writes the snapshots that *options* ask for.

    Processes that the program forks continue tracing and write their own snapshots. Messages are
    printed only if *options* ask for them: the program's output is its own.
    """

    def __init__(self, options: StartOptions) -> None:
        self._options = options
        is_first = options.first_process in (None, os.getpid())
        so_far: Optional[int] = options.snapshots_so_far if is_first else 0
        # The first process looks for snapshots of earlier runs, unless its starter has done so.
        if options.first_process is None:
            so_far = None
        self._series = Series(options.output, options.keep, is_first, so_far)
        options.output = self._series.pattern
        options.snapshots_so_far = self._series.number
        # One snapshot at a time: the exit waits for one at an interval.
        self._writing = threading.RLock()
        self._wake = threading.Event()
        self._has_ended = False

    def begin(self) -> None:
        """Starts tracing; the end is handled automatically."""
        options = self._options
        for label in options.labels:
            _mtrace._set_label(label)
        tracing.start(options.frames, native=options.native, sample=options.sample)
        if options.at_exit:
            atexit.register(self.end)
            self._watch_os_exit()
            self._watch_deadly_signals()
        if options.signal:
            signals.signal(options.signal, lambda number, frame: self.write())
        os.register_at_fork(after_in_child=self._forked)
        self._begin_intervals()

    def export(self) -> None:
        """Also traces the Python programs that this one starts."""
        os.environ["MTRACE"] = start_value(self._options)

    @own_memory
    def write(self) -> Optional[str]:
        """Writes a snapshot now; None if tracing is off or the file cannot be written."""
        with self._writing:
            if not tracing.is_tracing():
                return None
            try:
                path = self._series.write(tracing.write_snapshot)
            except (OSError, RuntimeError) as error:
                if self._options.says_failures or self._options.verbose:
                    self._say(f"no snapshot was written: {error}")
                return None
            return path

    @own_memory
    def end(self) -> None:
        """Writes the last snapshot, once."""
        if self._has_ended:
            return
        self._has_ended = True
        self._wake.set()
        path = self.write()
        if path is not None and self._options.verbose:
            shown = os.path.relpath(path) if path.startswith(os.getcwd() + os.sep) else path
            self._say(f"wrote {shown}; next: mtrace top {shown}")

    @staticmethod
    def _say(text: str) -> None:
        if sys.stderr is None:
            return
        with contextlib.suppress(AttributeError, OSError, ValueError):
            sys.stdout.flush()  # the program's own words come first
        with contextlib.suppress(AttributeError, OSError, ValueError):
            print(f"mtrace: {text}", file=sys.stderr)

    def _watch_os_exit(self) -> None:
        """Forked processes, such as multiprocessing's, end by os._exit(), without any handler."""
        leave = os._exit

        @functools.wraps(leave)
        def _exit(status: int) -> Any:
            self.end()
            leave(status)

        os._exit = _exit

    def _watch_deadly_signals(self) -> None:
        """Handles the signals that ask a program to end, unless the program handles them."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signals.SIGTERM, signals.SIGHUP):
            if signals.getsignal(number) is signals.SIG_DFL:
                signals.signal(number, self._end_by)

    def _end_by(self, number: int, frame: Any) -> None:
        self.end()
        signals.signal(number, signals.SIG_DFL)
        os.kill(os.getpid(), number)

    @own_memory
    def _forked(self) -> None:
        self._writing = threading.RLock()
        self._wake = threading.Event()
        self._has_ended = False
        self._series.forked()
        self._begin_intervals()

    def _begin_intervals(self) -> None:
        if self._options.interval:
            thread = threading.Thread(target=self._write_now_and_then, name="mtrace", daemon=True)
            thread.start()

    @own_memory
    def _write_now_and_then(self) -> None:
        while not self._wake.wait(self._options.interval):
            self.write()
