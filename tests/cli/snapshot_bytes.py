"""mtrace's own snapshot file, byte by byte, as formats/snapshot.md specifies it.

A second, independent writer: it makes the files that mtrace's own never writes.
"""

import struct
from dataclasses import dataclass, field, replace
from typing import Optional

MASK = 2**64 - 1
PRIME1, PRIME2, PRIME3, PRIME4, PRIME5 = (
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5,
)  # fmt: skip

METADATA, STRINGS, MODULES, FRAMES, NODES, DOMAINS, ROW_NODES, ROW_DOMAINS = range(1, 9)
LIVE_SIZES, LIVE_COUNTS, PEAK_SIZES, PEAK_COUNTS, TOTAL_SIZES, TOTAL_COUNTS, TIMELINE, END = range(9, 17)
COUNT_KEYS = {STRINGS: 32, MODULES: 33, FRAMES: 34, NODES: 35, DOMAINS: 36, ROW_NODES: 37}
SUM_KEYS = {LIVE_SIZES: 48, LIVE_COUNTS: 49, PEAK_SIZES: 50, PEAK_COUNTS: 51, TOTAL_SIZES: 52, TOTAL_COUNTS: 53}


def rotated(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def xxh64_round(accumulator, lane):
    return rotated((accumulator + lane * PRIME2) & MASK, 31) * PRIME1 & MASK


def xxh64(data):
    """XXH64 with seed 0. Slow: for a few kilobytes."""
    at = 0
    if len(data) >= 32:
        lanes = [(PRIME1 + PRIME2) & MASK, PRIME2, 0, -PRIME1 & MASK]
        while at + 32 <= len(data):
            lanes = [xxh64_round(a, v) for a, v in zip(lanes, struct.unpack_from("<4Q", data, at))]
            at += 32
        result = sum(rotated(a, bits) for a, bits in zip(lanes, (1, 7, 12, 18))) & MASK
        for a in lanes:
            result = ((result ^ xxh64_round(0, a)) * PRIME1 + PRIME4) & MASK
    else:
        result = PRIME5
    result = (result + len(data)) & MASK
    while at + 8 <= len(data):
        result ^= xxh64_round(0, struct.unpack_from("<Q", data, at)[0])
        result = (rotated(result, 27) * PRIME1 + PRIME4) & MASK
        at += 8
    if at + 4 <= len(data):
        result ^= struct.unpack_from("<I", data, at)[0] * PRIME1 & MASK
        result = (rotated(result, 23) * PRIME2 + PRIME3) & MASK
        at += 4
    for byte in data[at:]:
        result = rotated(result ^ (byte * PRIME5 & MASK), 11) * PRIME1 & MASK
    result = (result ^ result >> 33) * PRIME2 & MASK
    result = (result ^ result >> 29) * PRIME3 & MASK
    return result ^ result >> 32


def zstd_header(size, has_checksum=True):
    return b"\x28\xb5\x2f\xfd" + bytes([0xE4 if has_checksum else 0xE0]) + struct.pack("<Q", size)


def zstd_frame(data):
    """A frame with content size and checksum whose blocks are not compressed."""
    blocks = [data[at : at + 65536] for at in range(0, len(data), 65536)] or [b""]
    frame = zstd_header(len(data))
    for block in blocks:
        frame += struct.pack("<I", len(block) << 3 | (block is blocks[-1]))[:3] + block
    return frame + struct.pack("<I", xxh64(data) & 0xFFFFFFFF)


def zstd_repeated(byte, size, claimed=None):
    """A frame, without checksum, that unpacks to `size` times one byte: 4 bytes for 128 KiB."""
    frame, left = zstd_header(size if claimed is None else claimed, has_checksum=False), size
    while left:
        block = min(left, 1 << 17)
        left -= block
        frame += struct.pack("<I", block << 3 | 1 << 1 | (left == 0))[:3] + bytes([byte])
    return frame


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def varints(*numbers):
    return b"".join(map(varint, numbers))


@dataclass
class Section:
    """One section; what is not None replaces what would be right."""

    kind: int
    items: int
    payload: bytes
    magic: bytes = b"mtrc"
    major: int = 1
    minor: int = 0
    raw_size: Optional[int] = None
    packed_size: Optional[int] = None
    check: Optional[int] = None
    front: bytes = b"\x5d\x2a\x4d\x18\x28\x00\x00\x00"
    frame: Optional[bytes] = None

    def encoded(self):
        frame = zstd_frame(self.payload) if self.frame is None else self.frame
        header = self.magic + struct.pack(
            "<HHIIQQ", self.major, self.minor, self.kind, self.items,
            len(self.payload) if self.raw_size is None else self.raw_size,
            len(frame) if self.packed_size is None else self.packed_size,
        )  # fmt: skip
        check = xxh64(header) if self.check is None else self.check
        return self.front + header + struct.pack("<Q", check) + frame


@dataclass
class File:
    """A whole file as its sections, in order. The metadata's counts and sums follow from them."""

    sections: list
    metadata: list = field(default_factory=list)  # (key, value: number or bytes)
    forged: dict = field(default_factory=dict)  # key -> value, or None to leave it out

    def encoded(self):
        counts = {key: 0 for key in COUNT_KEYS.values()}
        for section in self.sections:
            if section.kind in COUNT_KEYS:
                counts[COUNT_KEYS[section.kind]] += section.items
        entries = [*self.metadata, *counts.items(), *self.sums()]
        entries = [(key, self.forged.get(key, value)) for key, value in entries]
        payload = b"".join(entry(key, value) for key, value in entries if value is not None)
        items = sum(value is not None for _, value in entries)
        first = Section(METADATA, items, payload)
        return b"".join(section.encoded() for section in [first, *self.sections])

    def sums(self):
        sums = {}
        for section in self.sections:
            if section.kind in SUM_KEYS:
                key = SUM_KEYS[section.kind]
                sums[key] = sums.get(key, 0) + sum(numbers_in(section.payload))
        return [(key, min(value, MASK)) for key, value in sums.items()]

    def of(self, kind):
        return next(section for section in self.sections if section.kind == kind)

    def changed(self, kind, **changes):
        """The file with this section's fields replaced."""
        sections = [replace(s, **changes) if s.kind == kind else s for s in self.sections]
        return replace(self, sections=sections)

    def without(self, kind):
        return replace(self, sections=[s for s in self.sections if s.kind != kind])


def entry(key, value):
    data = varint(value) if isinstance(value, int) else value
    return varint(key) + varint(len(data)) + data


def numbers_in(payload):
    number = shift = 0
    for byte in payload:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0


def strings(*texts):
    encoded = [text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in texts]
    return Section(STRINGS, len(encoded), b"".join(varint(len(text)) + text for text in encoded))


def table(kind, rows):
    return Section(kind, len(rows), b"".join(varints(*row) for row in rows))


def column(kind, numbers):
    return Section(kind, len(numbers), varints(*numbers))


def native_file():
    """A small file with everything in it: modules, inlined calls, addresses, all metrics, a time line.

        main (app.c:3)  -> parse (app.c:7)  -> grow (vec.h:2, inlined) -> operator new
                        -> libz.so+0x40
        main.py:1
    """
    names = strings("/app/app.c", "/app/main.py", "/usr/lib/libstdc++.so", "/usr/lib/libz.so", "grow", "main",
                    "operator new(unsigned long)", "parse", "python", "vec.h")  # fmt: skip
    modules = Section(MODULES, 2, varints(3, 2) + b"\xab\xcd" + varints(4, 0))
    frames = Section(FRAMES, 6, b"".join([
        varints(0, 0, 1, 3, 6),       # main
        varints(0, 0, 1, 7, 8),       # parse
        varints(0, 0, 2, 1, 0),       # main.py:1
        varints(1, 0, 10, 2, 5),      # grow, inlined
        varints(0, 1, 0, 0, 7),       # operator new, in libstdc++.so
        varints(2, 2, 0x40),          # libz.so+0x40
    ]))  # fmt: skip
    nodes = table(NODES, [(0, 0), (0, 1), (0, 3), (0, 4), (3, 5), (2, 2)])
    return File(
        [
            names, modules, frames, nodes,
            Section(DOMAINS, 2, varints(0, 6) + b"python" + varints(1, 0)),
            column(ROW_NODES, [4, 1, 1]), column(ROW_DOMAINS, [1, 1, 0]),
            column(LIVE_SIZES, [4096, 512, 100]), column(LIVE_COUNTS, [2, 1, 4]),
            column(PEAK_SIZES, [8192, 512, 90]), column(PEAK_COUNTS, [3, 1, 3]),
            column(TOTAL_SIZES, [81920, 1024, 1000]), column(TOTAL_COUNTS, [30, 2, 40]),
            Section(TIMELINE, 2, varints(1_700_000_000_000_000_000, 2 * 4000, 1_000_000_000, 2 * 708)),
            Section(END, 0, b""),
        ],
        [
            (1, 0), (2, b"/app/app"), (3, b"/app/app"), (3, b"--load"), (4, 4242), (5, b"host"),
            (6, 1_700_000_000_000_000_000), (7, 1_700_000_002_500_000_000), (8, 25), (9, 4708), (10, 8794),
            (11, 65536), (14, 1), (15, 2), (16, 3),
        ],
    )  # fmt: skip
