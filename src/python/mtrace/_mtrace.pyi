"""The tracer, as the package sees it: an extension module over libmtrace_rt.

What CPython's own `_tracemalloc` has is here under the same name with the same arguments and
results. A `traceback` is what `_tracemalloc` hands out: a tuple of (filename, lineno), most recent
frame first; blocks that came with no Python frame have (("<unknown>", 0),). Equal tracebacks are
one tuple, equal file names one string.
"""

from typing import Dict, List, Optional, Tuple

_Frames = Tuple[Tuple[str, int], ...]

# Domains: tracemalloc's own, and the malloc family's where the runtime is preloaded.
PYTHON_DOMAIN: int
NATIVE_DOMAIN: int
MMAP_DOMAIN: int
# As in mtrace.h, of the runtime and of what this module was built with.
version: str

def start(nframe: int = 1, /, *, native: bool = False) -> None:
    """Starts tracing. Does nothing while tracing. ValueError unless 1 <= nframe <= 65535.

    With `native`, the frames of C functions are between Python's, in their order."""

def stop() -> None:
    """Stops tracing and forgets all that was traced."""

def is_tracing() -> bool: ...
def clear_traces() -> None:
    """Forgets all traced blocks and goes on tracing."""

def get_traced_memory() -> Tuple[int, int]:
    """Bytes of traced blocks now and at their peak, of all domains; (0, 0) while not tracing."""

def reset_peak() -> None: ...
def get_traceback_limit() -> int:
    """The most frames that are kept; what start() was last given, 1 before that."""

def get_tracemalloc_memory() -> int:
    """Bytes that the tracer uses itself."""

def _get_object_traceback(obj: object, /) -> Optional[Tuple[_Frames, int]]:
    """(traceback, total_nframe) of an object's block, most recent frame first; None if it is not
    traced. (`_tracemalloc` hands out the bare frames; its package asks for no total_nframe.)"""

def _get_block_traceback(domain: int, address: int, /) -> Optional[Tuple[_Frames, int]]:
    """The same for the block at an address."""

def _get_traces() -> List[Tuple[int, int, _Frames, int]]:
    """(domain, size, traceback, total_nframe) of every block: an object per block."""

def _get_rows(
    by_size: bool = True, /
) -> Tuple[List[Tuple[int, int, int, int]], List[Tuple[_Frames, int]], List[Tuple[str, ...]]]:
    """The same in little room: (rows, tracebacks, functions).

    A row is (domain, size, count, index): `count` blocks of `size` bytes each, allocated at
    tracebacks[index], which is (frames, total_nframe); functions[index] has the function's
    qualified name for each of those frames ("" where there is none). With by_size=False `size` is
    the sum over the row's blocks, and there is one row a (domain, index): that costs no look at
    every block, only at every traceback. The program stands still while the blocks are counted.
    """

def _get_metrics() -> List[Tuple[int, int, int, int, int, int, int, int]]:
    """A row for each traceback that ever held something: (domain, live size, live count, peak size,
    peak count, total size, total count, index) with the indices of _get_rows(False), which
    must be taken together: see _get_snapshot()."""

def _get_snapshot(
    by_size: bool = True, /
) -> Tuple[
    List[Tuple[int, int, int, int]],
    List[Tuple[_Frames, int]],
    List[Tuple[str, ...]],
    List[Tuple[int, int, int, int, int, int, int, int]],
]:
    """_get_rows() and _get_metrics() of one moment: (rows, tracebacks, functions, metrics)."""

def _has_native_frames() -> bool: ...
def _set_untraced(untraced: bool, /) -> bool: ...
def write_snapshot(path: str, /) -> None:
    """Writes a snapshot file without a Python object per block, with the GIL released while it is
    compressed and written. OSError where it cannot; RuntimeError while not tracing."""

def _track(domain: int, address: int, size: int, /) -> None:
    """tracemalloc's C function PyTraceMalloc_Track: tells of a block of another domain."""

def _untrack(domain: int, address: int, /) -> None: ...
