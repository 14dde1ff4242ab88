"""Small files that unpack to gigabytes: zeros, and dumps that go on for ever."""

import gzip
import struct
import zlib

import hostile_pickles
from hostile_pickles import integer, named, short_text, trace
from snapshot_bytes import zstd_frame, zstd_header, zstd_repeated

MIB, GIB = 1 << 20, 1 << 30


def zstd_around(before, byte, count, after=b""):
    """`before`, a byte many times, `after`, in one frame without a checksum."""
    size = len(before) + count + len(after)
    frame = zstd_header(size, has_checksum=False) + block(before, is_last=False)
    body = zstd_repeated(byte, count)[len(zstd_header(0)) :]
    blocks = bytearray(body)
    blocks[-4] &= 0xFE  # the last of these is not the last of all
    return bytes(frame) + bytes(blocks) + block(after, is_last=True)


def block(data, is_last):
    return struct.pack("<I", len(data) << 3 | is_last)[:3] + data


def gzip_repeated(before, pattern, size):
    """A gzip member that goes on with `size` bytes of a pattern, and is cut there. What is between two
    full flushes stands alone, so that a packed piece can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = pattern * (4 * MIB // len(pattern))
    return start + (packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)) * (size // len(piece))


def dump_start():
    """A dump up to where its list of traces begins, with one trace in the memo."""
    first = trace() + b"\x94a"
    return (
        b"\x80\x04" + named("tracemalloc", "Snapshot") + b")\x81}("
        + short_text("traces") + named("tracemalloc", "_Traces") + b")\x81}"
        + short_text("_traces") + b"]" + first
    )  # fmt: skip


def bombs():
    """(name, bytes, whether it may be read)"""
    yield "4 GiB of zeros in zstd", zstd_repeated(0, 4 * GIB), False
    yield "4 GiB of zeros in a thousand frames", zstd_repeated(0, 4 * MIB) * 1000, False
    yield "1 GiB of zeros in gzip", gzip_repeated(b"", b"\0", GIB), False
    yield "zeros behind a dump", zstd_around(hostile_pickles.dump(), 0, 4 * GIB), False
    yield "a dump and empty frames", zstd_frame(hostile_pickles.dump()) + zstd_frame(b"") * 100_000, True
    yield "empty gzip members", gzip.compress(hostile_pickles.dump()) + gzip.compress(b"") * 50_000, True
    yield "marks without an end", zstd_around(dump_start(), ord("("), 2 * GIB), False
    yield "numbers without an end", zstd_around(dump_start() + b"(", ord("K"), 2 * GIB), False
    yield "empty lists without an end", zstd_around(dump_start(), ord("]"), 2 * GIB), False
    yield "memoizing without an end", zstd_around(dump_start(), 0x94, 2 * GIB), False
    yield "a name of 3 GiB", zstd_around(b"\x80\x04\x8d" + struct.pack("<Q", 3 * GIB), ord("x"), 3 * GIB, b"."), False
    yield "a file name of 3 GiB", zstd_around(
        dump_start() + b"(K\x00K\x01\x8d" + struct.pack("<Q", 3 * GIB), ord("x"), 3 * GIB, b"."), False  # fmt: skip
    yield "one trace for ever", gzip_repeated(dump_start() + b"(", b"h\x00", GIB), False
    yield "one trace for ever, appended each time", gzip_repeated(dump_start(), b"h\x00a", GIB // 4), False
    yield "one frame for ever", gzip_repeated(dump_start() + b"(K\x00K\x01(", b"h\x01", GIB), False
    yield "numbers of traces for ever", gzip_repeated(dump_start() + b"(", integer(1), GIB), False
    state = b"\x80\x04" + named("tracemalloc", "Snapshot") + b")\x81}("
    yield "an entry of the state for ever", gzip_repeated(state, short_text("traces") + integer(1), GIB), False
    yield "classes for ever", gzip_repeated(b"\x80\x04", named("tracemalloc", "Snapshot"), GIB), False
    yield "frames of a pickle for ever", gzip_repeated(b"\x80\x04", b"\x95" + struct.pack("<Q", 0), GIB), False
