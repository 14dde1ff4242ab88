"""The tracer, as the package sees it: an extension module over libmtrace_rt.

The functions of CPython's own `_tracemalloc` have the same names, arguments and results here. A
`traceback` is that of `_tracemalloc`: a tuple of (filename, lineno), most recent frame first;
blocks without a Python frame have (("<unknown>", 0),). Equal tracebacks share one tuple, equal file
names one string.
"""

from typing import Dict, List, Optional, Tuple, Union

_Frames = Tuple[Tuple[str, int], ...]

# Domains: tracemalloc's own, and the malloc family's where the runtime is preloaded.
PYTHON_DOMAIN: int
NATIVE_DOMAIN: int
MMAP_DOMAIN: int
# As in mtrace.h, of the runtime and of what this module was built with.
version: str

def start(nframe: int = 1, /, *, native: bool = False, sample: Union[int, str, None] = None) -> None:
    """Starts tracing. Does nothing while tracing. Raises ValueError unless 1 <= nframe <= 65535.

    With `native`, tracebacks also have the frames of C functions, between Python's in order. With
    `sample`, in bytes or as "512KiB", one block per so many bytes is recorded, on average, and the
    rest is estimated."""

def stop() -> None:
    """Stops tracing and forgets all traced blocks."""

def is_tracing() -> bool: ...
def clear_traces() -> None:
    """Forgets all traced blocks and goes on tracing."""

def get_traced_memory() -> Tuple[int, int]:
    """Bytes of traced blocks now and at their peak, of all domains; (0, 0) while not tracing."""

def add_work(units: int = 1, /) -> None:
    """Adds units of work that the program has done, also while not tracing. Raises OverflowError
    for a negative number."""

def reset_peak() -> None: ...
def get_traceback_limit() -> int:
    """Maximum number of frames per traceback: that of the last start(), 1 before the first."""

def get_tracemalloc_memory() -> int:
    """Bytes used by the tracer itself."""

def _get_object_traceback(obj: object, /) -> Optional[Tuple[_Frames, int]]:
    """(traceback, total_nframe) of an object's block, most recent frame first; None if it is not
    traced. (`_tracemalloc` returns the bare frames; its package needs no total_nframe.)"""

def _get_block_traceback(domain: int, address: int, /) -> Optional[Tuple[_Frames, int]]:
    """The same for the block at an address."""

def _get_traces() -> List[Tuple[int, int, _Frames, int]]:
    """(domain, size, traceback, total_nframe) of every block: an object per block."""

def _get_rows(
    by_size: bool = True, /
) -> Tuple[List[Tuple[int, int, int, int]], List[Tuple[_Frames, int]], List[Tuple[str, ...]]]:
    """The same in a compact form: (rows, tracebacks, functions).

    A row is (domain, size, count, index): `count` blocks of `size` bytes each, allocated at
    tracebacks[index], which is (frames, total_nframe); functions[index] has the function's
    qualified name for each of those frames ("" for a frame without one). With by_size=False, `size`
    is the sum over the row's blocks, and each (domain, index) has one row: this visits every
    traceback instead of every block. The program pauses while the blocks are counted.
    """

def _get_metrics() -> List[Tuple[int, int, int, int, int, int, int, int]]:
    """A row for each traceback that ever had blocks: (domain, live size, live count, peak size,
    peak count, total size, total count, index) with the indices of _get_rows(False). Both must be
    taken at the same moment: see _get_snapshot()."""

def _get_snapshot(
    by_size: bool = True, /
) -> Tuple[
    List[Tuple[int, int, int, int]],
    List[Tuple[_Frames, int]],
    List[Tuple[str, ...]],
    List[Tuple[int, int, int, int, int, int, int, int]],
]:
    """_get_rows() and _get_metrics() at one moment: (rows, tracebacks, functions, metrics)."""

def _has_native_frames() -> bool: ...
def _get_sampling_rate() -> int:
    """Bytes between two samples on average; 0: every block is traced, or tracing is off."""

def _set_label(text: str, /) -> None:
    """Adds NAME=VALUE, percent-encoded, to every snapshot that is written from now on. Raises
    ValueError if it is none, or one too many."""

def _set_untraced(untraced: bool, /) -> bool: ...
def write_snapshot(path: str, /) -> None:
    """Writes a snapshot file without a Python object per block, and releases the GIL while it
    compresses and writes. Raises OSError if the file cannot be written, RuntimeError while not
    tracing."""

def _track(domain: int, address: int, size: int, /) -> None:
    """tracemalloc's C function PyTraceMalloc_Track: adds a block of another domain."""

def _untrack(domain: int, address: int, /) -> None: ...
