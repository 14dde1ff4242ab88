"""Makes a DWARF 5 package of split halves (.dwo), for compilers whose halves no tool here can put together."""

import struct
import subprocess
import tempfile
from pathlib import Path

# By their numbers in the index (DW_SECT_INFO and so on).
SECTIONS = {1: ".debug_info.dwo", 3: ".debug_abbrev.dwo", 4: ".debug_line.dwo", 6: ".debug_str_offsets.dwo",
            8: ".debug_rnglists.dwo"}  # fmt: skip
STRINGS = ".debug_str.dwo"
OFFSETS = ".debug_str_offsets.dwo"


def sections_of(half, folder):
    """{name: content}; empty where the file has no such section."""
    found = {}
    for name in [*SECTIONS.values(), STRINGS]:
        content = folder / name
        content.unlink(missing_ok=True)
        subprocess.run(["objcopy", f"--dump-section={name}={content}", half, "/dev/null"], capture_output=True, check=False)
        found[name] = content.read_bytes() if content.exists() else b""
    return found


def index_of(units):
    """.debug_cu_index: [(number, {section: (offset, size)})]."""
    slots = 1 << len(units).bit_length()
    numbers, rows = [0] * slots, [0] * slots
    for row, (number, _) in enumerate(units, 1):
        slot, step = number % slots, (number >> 32) % slots | 1
        while rows[slot]:
            slot = (slot + step) % slots
        numbers[slot], rows[slot] = number, row
    parts = [parts[name] for _, parts in units for name in SECTIONS.values()]
    return b"".join([struct.pack("<HHIII", 5, 0, len(SECTIONS), len(units), slots), struct.pack(f"<{slots}Q", *numbers),
                     struct.pack(f"<{slots}I", *rows), struct.pack(f"<{len(SECTIONS)}I", *SECTIONS),
                     *(struct.pack("<I", offset) for offset, _ in parts), *(struct.pack("<I", size) for _, size in parts)])  # fmt: skip


def write(path, halves):
    whole = {name: b"" for name in [*SECTIONS.values(), STRINGS]}
    units = []
    with tempfile.TemporaryDirectory(prefix="mtrace-test-") as name:
        folder = Path(name)
        for half in halves:
            own = sections_of(half, folder)
            # Behind length, version, type, address size and the place of the abbreviations.
            (number,) = struct.unpack_from("<Q", own[".debug_info.dwo"], 12)
            header, offsets = own[OFFSETS][:8], own[OFFSETS][8:]
            count = len(offsets) // 4
            moved = (offset + len(whole[STRINGS]) for offset in struct.unpack(f"<{count}I", offsets))
            own[OFFSETS] = header + struct.pack(f"<{count}I", *moved)
            units.append((number, {section: (len(whole[section]), len(own[section])) for section in SECTIONS.values()}))
            for section, content in own.items():
                whole[section] += content
        whole[".debug_cu_index"] = index_of(units)
        added = []
        for section, content in whole.items():
            (folder / section).write_bytes(content)
            if content:
                added.append(f"--add-section={section}={folder / section}")
        subprocess.run(["gcc", "-x", "c", "-c", "/dev/null", "-o", folder / "empty.o"], check=True)
        subprocess.run(["objcopy", *added, folder / "empty.o", path], check=True)
