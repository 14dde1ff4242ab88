"""Tracing a whole program: from its start to its end, with snapshots on the way."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal as signals
import sys
import threading
from typing import Any, Optional

from . import tracing
from .own import own_memory
from .series import Series
from .start_options import StartOptions, start_value

__all__ = ["Session"]


class Session:
    """Starts tracing and writes the snapshots that *options* ask for.

    Processes that the program forks go on with it and write their own. Nothing is said but where
    *options* want it: the program's output is its own.
    """

    def __init__(self, options: StartOptions) -> None:
        self._options = options
        is_first = options.first_process in (None, os.getpid())
        so_far: Optional[int] = options.snapshots_so_far if is_first else 0
        # Whoever began the first process has looked for what earlier runs left, or it does so itself.
        if options.first_process is None:
            so_far = None
        self._series = Series(options.output, options.keep, is_first, so_far)
        options.output = self._series.pattern
        options.snapshots_so_far = self._series.number
        # One snapshot at a time: the exit waits for the interval's.
        self._writing = threading.RLock()
        self._wake = threading.Event()
        self._has_ended = False

    def begin(self) -> None:
        """Starts; the end comes by itself."""
        options = self._options
        tracing.start(options.frames, native=options.native)
        if options.at_exit:
            atexit.register(self.end)
            self._watch_os_exit()
            self._watch_deadly_signals()
        if options.signal:
            signals.signal(options.signal, lambda number, frame: self.write())
        os.register_at_fork(after_in_child=self._forked)
        self._begin_intervals()

    def export(self) -> None:
        """Has the Python programs that this one starts traced, too."""
        os.environ["MTRACE"] = start_value(self._options)

    @own_memory
    def write(self) -> Optional[str]:
        """Writes a snapshot now; None where tracing is off or the file cannot be written."""
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
        """Processes that fork, as multiprocessing does, end by os._exit(), which tells nobody."""
        leave = os._exit

        @functools.wraps(leave)
        def _exit(status: int) -> Any:
            self.end()
            leave(status)

        os._exit = _exit

    def _watch_deadly_signals(self) -> None:
        """Those that ask a program to end, where it has not said what else they do."""
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
