"""What an interpreter does at its start where the environment variable MTRACE is set.

``mtrace.pth``, in the folder of installed packages, calls it. Without MTRACE nothing here is
loaded. It is no part of the package, because that must not be loaded before MTRACE has been looked
at.
"""

from __future__ import annotations

import os
import sys

__all__ = ["begin"]

_has_begun = False


def begin() -> None:
    """Traces this program as MTRACE says. A value that makes no sense is said, and nothing else."""
    global _has_begun
    if _has_begun:
        return
    _has_begun = True
    # The runtime would read it when it is loaded, and begin by itself, without an eye on processes
    # that Python forks.
    value = os.environ.pop("MTRACE")
    try:
        import mtrace
        from mtrace.sessions import Session
        from mtrace.start_options import parse_start_options

        options = parse_start_options(value)
    except (ImportError, ValueError) as error:
        print(f"mtrace: MTRACE: {error}; nothing is traced", file=sys.stderr)
        return
    finally:
        os.environ["MTRACE"] = value
    if mtrace.is_tracing():
        return
    session = Session(options)
    if options.first_process is None and "%p" not in options.output:
        # So that the programs that this one starts do not write to the same file.
        session.export()
    session.begin()
