"""Finds the command mtrace."""

from __future__ import annotations

import os
import sysconfig
from typing import Optional

__all__ = ["find_command", "is_program"]


def is_program(path: Optional[str]) -> bool:
    """Whether it is a program, not a script: Debian's libc-devtools has a script called mtrace."""
    try:
        with open(path or "", "rb") as file:
            return file.read(4) == b"\x7fELF" and os.access(path or "", os.X_OK)
    except OSError:
        return False


def find_command() -> Optional[str]:
    """The command that was installed with this package, or else the one on PATH."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    places = [sysconfig.get_path("scripts")]
    # PREFIX/bin beside PREFIX/lib/python3.11/site-packages, or the build's own folder.
    for _ in range(3):
        folder = os.path.dirname(folder)
        places += [os.path.join(folder, "bin"), folder]
    places += os.environ.get("PATH", "").split(os.pathsep)
    for place in filter(None, places):
        path = os.path.join(place, "mtrace")
        if is_program(path):
            return path
    return None
