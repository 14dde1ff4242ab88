#!/usr/bin/env python3
"""The architecture, checked: which folder includes what. And that no file outgrows a reader's patience.

Prints each offence as FILE:LINE: MESSAGE and exits 1 if there was one.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE = 600  # lines

# The public headers that a folder may include.
BASICS = {"mtrace/error.hpp", "mtrace/export.hpp"}
MODEL = BASICS | {"mtrace/ids.hpp", "mtrace/snapshot.hpp", "mtrace/snapshot_builder.hpp", "mtrace/string_table.hpp"}
ANALYSIS = MODEL | {
    "mtrace/check.hpp", "mtrace/merge.hpp", "mtrace/report.hpp", "mtrace/selection.hpp", "mtrace/tree.hpp", "mtrace/trend.hpp",
}  # fmt: skip
INFO = MODEL | {"mtrace/snapshot_info.hpp"}
READ, WRITE = INFO | {"mtrace/read.hpp"}, MODEL | {"mtrace/write.hpp"}
SYMBOLIZE = MODEL | {"mtrace/symbolize.hpp"}
ALL = ANALYSIS | READ | WRITE | SYMBOLIZE

# Folder: (public headers, folders of src beside itself, libraries). Data flows one way:
# file -> read -> model -> analysis -> render -> export -> page, and nothing looks back.
FOLDERS = {
    "base": (BASICS, set(), {"fmt", "zstd", "zlib"}),
    "wire": (set(), set(), {"xxhash", "zstd"}),
    "model": (MODEL, {"base", "wire"}, {"fmt", "xxhash", "tsl"}),
    "analysis": (ANALYSIS, {"model", "base"}, {"fmt", "tsl"}),
    "read": (READ, {"model", "wire", "base"}, {"fmt", "tsl", "zstd", "protozero", "nlohmann"}),
    "write": (WRITE, {"model", "wire", "base"}, {"fmt", "zstd"}),
    "symbolize": (SYMBOLIZE, {"model", "base"}, {"fmt", "elfutils", "zlib"}),
    "runtime": ({"mtrace/mtrace.h"}, {"wire"}, {"zstd", "xxhash"}),
    # The tracer's half of the package, over the runtime, and the files' half, over the library.
    "python": (READ | WRITE | {"mtrace/mtrace.h"}, {"runtime", "base", "model", "analysis"}, {"fmt", "python"}),
    "growth": (ALL | {"mtrace/growth.h", "mtrace/growth.hpp", "mtrace/mtrace.h"}, {"base", "analysis", "read", "symbolize"}, {"fmt"}),
    "render": (ANALYSIS | INFO, {"base"}, {"fmt", "utf8proc", "pugixml"}),
    "export": (ANALYSIS, {"model", "analysis", "render", "base"}, {"fmt", "zlib", "xxhash", "tsl", "protozero"}),
    "page": (ANALYSIS | INFO, {"model", "analysis", "render", "export", "base"}, {"fmt"}),
    "view": (ANALYSIS, {"render", "base"}, {"fmt", "ncurses"}),
    "cli": (ALL, {"base", "model", "analysis", "read", "write", "render", "export", "view", "page"}, {"fmt", "CLI", "toml++"}),
}
# The runtime's own folders, lowest first: each includes itself and what stands before it.
RUNTIME = [
    "os", "container", "unwind",
    # What hooks wait for; what is counted; which blocks are alive; which stack one comes from.
    "gate", "counters", "blocks", "stacks",
    "tracer", "snapshot", "control", "hooks", "interpreter",
]  # fmt: skip
# What the public headers include: each other and the standard library.
PUBLIC = (ALL | {"mtrace/growth.h", "mtrace/growth.hpp", "mtrace/mtrace.h"}, set(), set())

# A header of another project, by how it is included; what is not here is the system's.
LIBRARIES = {
    "CLI/": "CLI",
    "ncurses.h": "ncurses",
    "fmt/": "fmt",
    "tsl/": "tsl",
    "protozero/": "protozero",
    "zstd": "zstd",
    "zlib.h": "zlib",
    "xxhash.h": "xxhash",
    "utf8proc.h": "utf8proc",
    "elfutils/": "elfutils",
    "libelf.h": "elfutils",
    "gelf.h": "elfutils",
    "dwarf.h": "elfutils",
    "Python.h": "python",
    "frameobject.h": "python",
    "internal/pycore_": "python",
    "pugixml.hpp": "pugixml",
    "toml++/": "toml++",
    "nlohmann/": "nlohmann",
    "doctest": "doctest",
}
INCLUDE = re.compile(r'\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')


def library_of(header):
    for prefix, library in LIBRARIES.items():
        if header.startswith(prefix):
            return library
    return None


def system_offence(owner, header, libraries):
    """What is wrong with #include <header> in the folder `owner`, or None."""
    library = library_of(header)
    if library is not None and library not in libraries:
        return f"{owner} must not use {library}"
    if library is None and owner == "include" and not re.fullmatch("[a-z_0-9]+", header):
        return f"a public header includes only mtrace/ and the standard library, not <{header}>"
    return None


def own_offence(owner, header, public, folders):
    """What is wrong with #include "header" in the folder `owner`, or None."""
    folder = header.partition("/")[0]
    if folder == "mtrace":
        if not (ROOT / "include" / header).exists():
            return f'there is no "{header}"'
        return None if header in public else f'{owner} must not know "{header}"'
    if not (ROOT / "src" / header).exists():
        return f'there is no "{header}" in src/: includes name the folder too'
    return None if folder == owner or folder in folders else f"{owner} must not include {folder}/"


def runtime_offence(file, header):
    """What is wrong with #include "header" between the runtime's own folders, or None."""
    own, other = file.parent.name, header.split("/")[1]
    if own not in RUNTIME or not header.startswith("runtime/"):
        return None
    if other in RUNTIME[: RUNTIME.index(own) + 1]:
        return None
    return f"runtime/{own} must not include runtime/{other}"


def offences(file, owner, rules):
    public, folders, libraries = rules
    lines = file.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if match := INCLUDE.match(line):
            system, own = match.groups()
            if system:
                message = system_offence(owner, system, libraries)
            else:
                message = own_offence(owner, own, public, folders) or runtime_offence(file, own)
            if message:
                yield number, message
    if len(lines) > LONGEST_FILE:
        yield len(lines), f"the file has {len(lines)} lines, more than {LONGEST_FILE}: split it"


def sources(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in (".cpp", ".hpp"))


def main():
    checked = [(file, "include", PUBLIC) for file in sources(ROOT / "include")]
    for folder in sorted(path for path in (ROOT / "src").iterdir() if path.is_dir() and sources(path)):
        if folder.name not in FOLDERS:
            raise SystemExit(f"src/{folder.name}: the table in {__file__} has no row for it")
        checked += [(file, folder.name, FOLDERS[folder.name]) for file in sources(folder)]
    failed = False
    for file, owner, rules in checked:
        for number, message in offences(file, owner, rules):
            print(f"{file.relative_to(ROOT)}:{number}: {message}")
            failed = True
    print(f"{len(checked)} files checked")
    if failed or not checked:
        sys.exit(1)


if __name__ == "__main__":
    main()
