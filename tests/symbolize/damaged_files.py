#!/usr/bin/env python3
"""ELF files with bytes changed at random: looking up addresses in them ends, quickly and without a crash.

    tests/symbolize/damaged_files.py --driver PATH [--files N]

The same files in every run. Damage to one compilation unit must not keep others from being read: see
check_rest().
"""

import argparse
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"
SECONDS = 10  # for one file; it takes some milliseconds
WAYS = (["-gdwarf-5", "-O2"], ["-gdwarf-4", "-O1"], ["-gdwarf-5", "-O2", "-gz"], ["-gdwarf-5", "-O1", "-gsplit-dwarf"])


def run(*command, folder):
    return subprocess.run([str(word) for word in command], cwd=folder, check=True, capture_output=True, text=True).stdout


def sections_of(path, folder):
    """{name: (address, begin, size)}"""
    headers = run("readelf", "--section-headers", "--wide", path, folder=folder)
    return {match[1]: (int(match[2], 16), int(match[3], 16), int(match[4], 16))
            for match in re.finditer(r"\] (\.\S+)\s+\S+\s+(\w{16}) (\w+) (\w+)", headers)}  # fmt: skip


def built(folder, number, flags):
    """The file, its sections to damage as (name, begin, size), and its code as (begin, end)."""
    path = folder / f"program{number}"
    run("g++", "-std=c++17", "-g", *flags, "-c", PROGRAMS / "main.cpp", "-o", "main.o", folder=folder)
    run("gcc", "-g", *flags, "-c", PROGRAMS / "say.c", "-o", "say.o", folder=folder)
    run("g++", "-g", *flags, "main.o", "say.o", "-Wl,--build-id", "-o", path, folder=folder)
    sections = sections_of(path, folder)
    damaged = [(begin, size) for name, (_, begin, size) in sections.items()
               if size and name.startswith((".debug", ".symtab", ".strtab"))]  # fmt: skip
    address, _, size = sections[".text"]
    return path, sections, damaged, range(address, address + size, 3)


def build_id(path, folder):
    return run("readelf", "--notes", path, folder=folder).split("Build ID: ")[1].split()[0]


def damage(content, places, chance):
    content = bytearray(content)
    for _ in range(chance.choice((1, 2, 5, 20, 200))):
        begin, size = chance.choice(places)
        if chance.random() < 0.15:  # the headers at both ends of the file
            begin, size = (0, 64) if chance.random() < 0.3 else (len(content) - 3000, 3000)
        at = begin + chance.randrange(size)
        content[at] = chance.choice((0, 255, 127, 128, content[at] ^ 1 << chance.randrange(8), chance.randrange(256)))
    return content[: chance.randrange(len(content))] if chance.random() < 0.05 else content


def look_up(driver, path, identity, addresses):
    """Standard output and standard error; raises what went wrong."""
    done = subprocess.run([driver, "--build-id", identity, path], input="".join(f"{at:#x}\n" for at in addresses),
                          capture_output=True, text=True, errors="replace", timeout=SECONDS, check=True)  # fmt: skip
    return done.stdout, done.stderr


def check_rest(driver, folder, program):
    """The second unit's abbreviations are destroyed: the first one is answered, and one warning says it."""
    path, sections, _, addresses = program
    content = bytearray(path.read_bytes())
    identity = build_id(path, folder)
    whole, _ = look_up(driver, path, identity, addresses)
    _, begin, size = sections[".debug_abbrev"]
    content[begin + size - 60 : begin + size] = b"\xff" * 60
    damaged = folder / "damaged"
    damaged.write_bytes(content)
    rest, errors = look_up(driver, damaged, identity, addresses)
    if errors.count("warning:") != 1 or "damaged" not in errors:
        return [f"one warning was to be expected: {errors}"]
    lines = whole.count("main.cpp:")
    if lines == 0 or rest.count("main.cpp:") != lines:
        return [f"of {lines} frames in the unit that is whole, {rest.count('main.cpp:')} are left"]
    return []


def check_long_string(driver, folder, program):
    """Every name is 64 MiB long, or a part of that: it is cut, and lines are still known."""
    path, _, _, addresses = program
    (folder / "string").write_bytes(b"x" * (64 << 20) + b"\0")
    run("objcopy", "--update-section", ".debug_str=string", path, "damaged", folder=folder)
    rest, errors = look_up(driver, folder / "damaged", build_id(path, folder), addresses)
    longest = max(map(len, rest.splitlines()))
    if "main.cpp:" not in rest or longest > 1 << 17 or errors.count("warning:") > 1:
        return [f"a long string: {longest} letters, {rest.count('main.cpp:')} lines, {errors}"]
    return []


def check_packages(driver, folder, files):
    """A package (.dwp) is damaged, the program is whole: its lines are known, and at most one warning says it."""
    program = built(folder, "-packaged", ["-gdwarf-4", "-O1", "-gsplit-dwarf"])
    path, _, _, addresses = program
    packaged = folder / f"{path.name}.dwp"
    run("dwp", "-e", path, "-o", packaged, folder=folder)
    for half in folder.glob("*.dwo"):
        half.unlink()
    content, identity = packaged.read_bytes(), build_id(path, folder)
    places = [(begin, size) for _, begin, size in sections_of(packaged, folder).values() if size]
    problems = []
    for number in range(files):
        packaged.write_bytes(damage(content, places, random.Random(f"package {number}")))
        try:
            rest, errors = look_up(driver, path, identity, addresses)
            if "main.cpp:" not in rest or errors.count("warning:") > 1:
                problems.append(f"package, number {number}: {errors}")
        except subprocess.SubprocessError as error:
            problems.append(f"package, number {number}: {error}: {error.stderr}")
    return problems


def enlarged(content, name, size):
    """The ELF file with that section behind its end, so large: as a header, and what to write where. The rest of a
    sparse file is zeros."""
    table, count, names = (struct.unpack_from(form, content, at)[0] for form, at in (("<Q", 40), ("<H", 60), ("<H", 62)))
    headers = [table + 64 * number for number in range(count)]
    texts = struct.unpack_from("<Q", content, headers[names] + 24)[0]
    for at in headers:
        name_at = texts + struct.unpack_from("<I", content, at)[0]
        if content[name_at : content.index(0, name_at)] == name.encode():
            begin, old = struct.unpack_from("<QQ", content, at + 24)
            place = len(content) + -len(content) % 4096
            header = bytearray(content)
            struct.pack_into("<QQ", header, at + 24, place, size)
            return header, place, content[begin : begin + old]
    raise KeyError(name)


def check_huge_sections(driver, folder, program):
    """A section of more than 4 GiB, most of it a hole: it is neither read nor copied, and what does not need it is known."""
    path, sections, _, addresses = program
    content, identity, huge = path.read_bytes(), build_id(path, folder), folder / "huge"
    problems = []
    cases = [(name, (4 << 30) + 4096, True) for name in (".debug_str", ".debug_info", ".strtab")]
    for name, size, keep in [*cases, (".debug_abbrev", (4 << 30) + 4096, False), (".debug_str", (1 << 62) + 1, True)]:
        header, place, old = enlarged(content, name, size)
        with open(huge, "wb") as file:
            file.write(header)
            file.seek(place)
            file.write(old if keep else b"")
            file.truncate(place + min(size, 5 << 30))
        case = f"{name} of {size} bytes, {'as it was' if keep else 'empty'} at first"
        try:
            rest, errors = look_up(driver, huge, identity, addresses)
        except subprocess.SubprocessError as error:
            problems.append(f"{case}: {error}")
            continue
        memory = int(re.search(r"(\d+) MiB", errors)[1])
        if errors.count("warning:") > 1 or memory > 300 or (keep and size < 1 << 40 and "main.cpp:" not in rest):
            problems.append(f"{case}: {memory} MiB, {rest.count('main.cpp:')} lines, {errors}")
    huge.unlink()
    return problems


def check_bomb(driver, folder, program):
    """All names in a few bytes that would be 128 MiB unpacked: they are not unpacked, and one warning says it."""
    path, _, _, addresses = program
    packer = zlib.compressobj(1)
    letters = b"x" * (1 << 20)
    packed = b"".join([*(packer.compress(letters) for _ in range(128)), packer.flush()])
    # Behind an Elf64_Chdr: zlib, the size, the alignment.
    header, place, _ = enlarged(path.read_bytes(), ".debug_str", 24 + len(packed))
    at = next(at for at in range(struct.unpack_from("<Q", header, 40)[0], len(header), 64)
              if struct.unpack_from("<QQ", header, at + 24) == (place, 24 + len(packed)))  # fmt: skip
    struct.pack_into("<Q", header, at + 8, 0x800)  # SHF_COMPRESSED
    bomb = folder / "bomb"
    bomb.write_bytes(header.ljust(place, b"\0") + struct.pack("<IIQQ", 1, 0, len(letters) * 128, 1) + packed)
    rest, errors = look_up(driver, bomb, build_id(path, folder), addresses)
    memory = int(re.search(r"(\d+) MiB", errors)[1])
    if errors.count("warning:") != 1 or memory > 100 or "main.cpp:" not in rest:
        return [f"a bomb: {memory} MiB, {rest.count('main.cpp:')} lines, {errors}"]
    return []


def check_random(driver, folder, program, files):
    path, _, places, addresses = program
    content, identity = path.read_bytes(), build_id(path, folder)
    problems = []
    for number in range(files):
        damaged = folder / "damaged"
        damaged.write_bytes(damage(content, places, random.Random(f"{path.name} {number}")))
        try:
            look_up(driver, damaged, identity, addresses)
        except subprocess.SubprocessError as error:
            problems.append(f"{path.name}, number {number}: {error}: {error.stderr}")
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("--files", type=int, default=60, help="for each way of building")
    arguments = parser.parse_args()
    problems = []
    with tempfile.TemporaryDirectory(prefix="mtrace-test-") as name:
        folder = Path(name)
        for number, flags in enumerate(WAYS):
            program = built(folder, number, flags)
            if number == 0:
                problems += check_rest(arguments.driver, folder, program)
                problems += check_long_string(arguments.driver, folder, program)
                problems += check_huge_sections(arguments.driver, folder, program)
                problems += check_bomb(arguments.driver, folder, program)
            problems += check_random(arguments.driver, folder, program, arguments.files)
        problems += check_packages(arguments.driver, folder, 2 * arguments.files)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{(len(WAYS) + 2) * arguments.files} damaged files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
