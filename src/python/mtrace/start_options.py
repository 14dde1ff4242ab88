"""The environment variable MTRACE: how many frames to keep, and when and where to write snapshots.

The native tracer takes the same value: the number of frames, and options after commas, the last of
which may be ``output=PATTERN``.
"""

from __future__ import annotations

import os
import re
import signal as signals
from dataclasses import dataclass
from typing import Optional, Tuple

from .sizes import parse_size

__all__ = ["StartOptions", "encoded_label", "parse_start_options"]

DEFAULT_FRAMES = 25
MOST_FRAMES = 65535
DEFAULT_OUTPUT = "mtrace.%e.%p.zst"
# Options that matter only under `mtrace run`. Forked processes are always traced.
_FOR_THE_NATIVE_TRACER = ("follow-fork", "mmap", "report")
_LONGEST_LABEL = 512
_NOT_PLAIN = re.compile(rb"[\x00-\x1f,%]")


@dataclass
class StartOptions:
    """What to trace and what to write."""

    frames: int = DEFAULT_FRAMES
    output: str = DEFAULT_OUTPUT
    at_exit: bool = True
    interval: int = 0  # seconds; 0: none
    keep: int = 0  # snapshots of a process; 0: all
    signal: int = 0  # 0: none
    native: bool = False  # with the frames of C functions
    # The first process, from which the others were forked, and the number of its snapshots.
    first_process: Optional[int] = None
    snapshots_so_far: int = 0
    says_failures: bool = False  # reports snapshots that could not be written
    verbose: bool = False
    sample: int = 0  # bytes between two samples on average; 0: every block is traced
    labels: Tuple[str, ...] = ()  # NAME=VALUE, percent-encoded, of every snapshot


def _number(name: str, text: str, most: int = 10**18) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise ValueError(f"{name}={text}: a number is expected")
    return int(text)


def _frames(text: str) -> int:
    frames = _number("frames", text)
    if not 1 <= frames <= MOST_FRAMES:
        raise ValueError(f"{text} frames: 1 to {MOST_FRAMES} are possible")
    return frames


def _run(text: str) -> Tuple[int, int]:
    process, _, snapshots = text.partition("/")
    return _number("run", process), _number("run", snapshots or "0")


def encoded_label(text: str) -> str:
    """NAME=VALUE as an option has it, without commas. Raises ValueError if it is none."""
    name, equals, _ = text.partition("=")
    if not name or not equals:
        raise ValueError(f"invalid label: '{text}': write NAME=VALUE")
    encoded = os.fsencode(text)
    if len(encoded) > _LONGEST_LABEL:
        raise ValueError(f"a label of more than {_LONGEST_LABEL} bytes")
    return os.fsdecode(_NOT_PLAIN.sub(lambda byte: b"%%%02X" % byte[0][0], encoded))


def _label(encoded: str) -> str:
    name, equals, _ = encoded.partition("=")
    if not name or not equals:
        raise ValueError(f"label={encoded}: NAME=VALUE is expected")
    return encoded


def _set(options: StartOptions, name: str, value: str) -> None:
    if name == "interval":
        options.interval = _number(name, value)
    elif name == "keep":
        options.keep = _number(name, value)
    elif name == "signal":
        options.signal = _number(name, value, signals.NSIG - 1)
    elif name == "exit":
        options.at_exit = value != "no"
    elif name == "native":
        options.native = True
    elif name == "run":
        options.first_process, options.snapshots_so_far = _run(value)
    elif name == "sample":
        options.sample = parse_size(value)
    elif name == "label":
        options.labels += (_label(value),)
    elif name not in _FOR_THE_NATIVE_TRACER:
        raise ValueError(f"there is no option '{name}'")


def parse_start_options(value: str) -> StartOptions:
    """Parses the value of MTRACE. Raises ValueError, which says what is wrong."""
    options = StartOptions()
    rest, is_first = value, True
    while rest:
        if rest.startswith("output="):
            options.output = rest[len("output=") :]
            if not options.output:
                raise ValueError("output= names no file")
            return options
        option, _, rest = rest.partition(",")
        if is_first and option[:1].isdigit():
            options.frames = _frames(option)
        else:
            name, _, text = option.partition("=")
            _set(options, name, text)
        is_first = False
    return options


def start_value(options: StartOptions) -> str:
    """The value of MTRACE for processes that this one starts."""
    parts = [str(options.frames)]
    for name in ("interval", "keep", "signal", "sample"):
        if getattr(options, name):
            parts.append(f"{name}={getattr(options, name)}")
    if not options.at_exit:
        parts.append("exit=no")
    if options.native:
        parts.append("native")
    parts += [f"label={label}" for label in options.labels]
    parts.append(f"run={options.first_process or os.getpid()}/{options.snapshots_so_far}")
    parts.append(f"output={options.output}")
    return ",".join(parts)
