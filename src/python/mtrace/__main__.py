"""``python3 -m mtrace``: runs a Python program and traces it, or runs the command mtrace."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import shutil
import signal as signals
import sys
from typing import List, NoReturn, Optional

from ._mtrace import version
from .command import find_command, is_program
from .running import run_code, run_module, run_script
from .sessions import Session
from .sizes import parse_size
from .start_options import DEFAULT_FRAMES, DEFAULT_OUTPUT, MOST_FRAMES, StartOptions, encoded_label

_EPILOG = """\
All other commands are passed on to the program mtrace, such as
  python3 -m mtrace top app.zst
See mtrace-python(1).
"""
_UNITS = {"s": 1, "m": 60, "h": 3600}


def _duration(text: str) -> int:
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    if not number.isdigit() or int(number) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is an invalid duration: write 90s, 5m or 2h")
    return int(number) * _UNITS[unit]


def _frames(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_FRAMES:
        raise argparse.ArgumentTypeError(f"'{text}': 1 to {MOST_FRAMES} frames can be kept")
    return int(text)


def _sampling(text: str) -> int:
    with contextlib.suppress(ValueError):
        if (size := parse_size(text)) > 0:
            return size
    raise argparse.ArgumentTypeError(f"'{text}' is an invalid distance between samples: write 512KiB")


def _label(text: str) -> str:
    try:
        return encoded_label(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _signal(text: str) -> int:
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    try:
        return signals.Signals(int(text) if text.isdigit() else signals.Signals[name]).value
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(f"there is no signal '{text}'") from None


def _fail(text: str) -> NoReturn:
    """Prints one line, as the command mtrace reports errors, and exits."""
    print(f"mtrace: {text}", file=sys.stderr)
    sys.exit(2)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _fail(f"{message} (see {self.prog} --help)")


def _run_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python3 -m mtrace run",
        usage="%(prog)s [OPTIONS] SCRIPT | -m MODULE | -c CODE  [ARGUMENT...]",
        description="Runs a Python program, traces its memory and writes a snapshot when it ends.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-o", "--output", metavar="PATTERN", default=DEFAULT_OUTPUT, help="where snapshots go")
    add("--nframe", metavar="N", type=_frames, default=DEFAULT_FRAMES, help="frames to keep")
    add("--interval", metavar="DURATION", type=_duration, default=0, help="write one this often")
    add("--keep", metavar="N", type=int, default=0, help="keep only the newest N snapshots")
    add("--on-signal", metavar="SIGNAL", type=_signal, default=0, help="write one on this signal")
    add("--no-on-exit", action="store_true", help="write no snapshot when the program ends")
    add("--follow-fork", action="store_true", help="also trace the Python programs that it starts")
    add("--sample", metavar="SIZE", type=_sampling, default=0, help="record one block per SIZE bytes, estimate the rest")
    add("--label", metavar="NAME=VALUE", type=_label, action="append", default=[], help="store a label in every snapshot")
    add("--native", action="store_true", help="also keep the frames of C functions")
    add("-v", "--verbose", action="store_true", help="print what was written")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-m", dest="module", metavar="MODULE", help="run a module")
    what.add_argument("-c", dest="code", metavar="CODE", help="run this code")
    add("program", nargs=argparse.REMAINDER, help="a script and its arguments")
    return parser


def _split(arguments: List[str]) -> int:
    """The number of *arguments* that are ours: the rest belongs to the module or to the code."""
    takes_a_value = {"-o", "--output", "--nframe", "--interval", "--keep", "--on-signal", "--sample", "--label"}
    index = 0
    while index < len(arguments) and arguments[index].startswith("-"):
        word = arguments[index]
        if word == "--":
            return index
        index += 2 if word in takes_a_value or word in ("-m", "-c") else 1
        if word in ("-m", "-c"):
            break
    return min(index, len(arguments))


def _check(output: str, script: Optional[str]) -> None:
    """Finds errors before anything runs: at the end, a snapshot would be lost."""
    if script is not None and not os.path.exists(script):
        _fail(f"{script}: {os.strerror(errno.ENOENT)}")
    folder = os.path.dirname(output)
    if folder and "%" not in folder and not os.path.isdir(folder):
        error = errno.ENOTDIR if os.path.exists(folder) else errno.ENOENT
        _fail(f"{folder}: {os.strerror(error)}")


def _run(arguments: List[str]) -> None:
    ours = _split(arguments)
    parser = _run_parser()
    options = parser.parse_args(arguments[:ours])
    rest = arguments[ours:]
    if rest[:1] == ["--"]:
        rest = rest[1:]
    has_module = options.module is not None or options.code is not None
    if not has_module and not rest:
        parser.error("a script, -m MODULE or -c CODE is missing")
    if not has_module and _is_another_program(rest[0]):
        _pass_on(["run", *arguments])
    _check(options.output, None if has_module else rest[0])
    session = Session(
        StartOptions(
            frames=options.nframe,
            output=options.output,
            at_exit=not options.no_on_exit,
            interval=options.interval,
            keep=options.keep,
            signal=options.on_signal,
            native=options.native,
            sample=options.sample,
            labels=tuple(options.label),
            says_failures=True,
            verbose=options.verbose or (sys.stderr is not None and sys.stderr.isatty()),
        )
    )
    if options.follow_fork:
        session.export()
    else:
        os.environ.pop("MTRACE", None)
    session.begin()
    if options.module is not None:
        run_module(options.module, rest)
    elif options.code is not None:
        run_code(options.code, rest)
    else:
        run_script(rest[0], rest[1:])


# --- the command mtrace ---


def _is_another_program(word: str) -> bool:
    return is_program(word if os.path.exists(word) else shutil.which(word))


def _pass_on(arguments: List[str]) -> None:
    command = find_command()
    if command is None:
        _fail("the command mtrace is not found: is it installed?")
    sys.stdout.flush()
    os.execv(command, [command, *arguments])


def main() -> None:
    """Runs ``python3 -m mtrace``."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"]:
        _run(arguments[1:])
    elif arguments[:1] in ([], ["-h"], ["--help"]) and find_command() is None:
        _run_parser().print_help()
        print(f"\n{_EPILOG}", end="")
    elif arguments[:1] in (["-V"], ["--version"]) and find_command() is None:
        print(f"mtrace {version}")
    else:
        _pass_on(arguments)


if __name__ == "__main__":
    main()
