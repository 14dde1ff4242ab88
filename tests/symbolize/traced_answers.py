#!/usr/bin/env python3
"""Programs whose lines say what they hold, traced: each line, size and count must be what it says, however it was built.

    tests/symbolize/traced_answers.py --mtrace PATH [--only NAME]

Each program is compiled in a way, traced with `mtrace run` and removed, all of it; then `mtrace top` must give each
annotated line what its annotation says, and give nothing to any other line of the same file.
"""

import argparse
import json
import re
import shutil
import sys
from pathlib import Path

from checks import PROGRAMS, Failure, Skipped, run, run_checks, rust_works

WAYS = {
    "-O0": ["-O0"],
    "-O1": ["-O1"],
    "-O2": ["-O2"],
    "-O3": ["-O3"],
    "lto": ["-O2", "-flto"],
    "no-pie": ["-O2", "-fno-pie", "-no-pie"],
    "split": ["-O1", "-gsplit-dwarf"],
    "dwarf4": ["-O2", "-gdwarf-4"],
    "compressed": ["-O1", "-gz"],
}


def run_quietly(*command, folder=None):
    done = run(*command, folder=folder)
    if "mtrace: warning" in done.stderr:
        raise Failure(f"{' '.join(map(str, command))} warned: {done.stderr}")
    return done.stdout


def annotated(source, library):
    """{line: (bytes, blocks)}; bytes are None where they are not said. `library` may have some of its own."""
    found = {}
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        if match := (re.search(rf"// LIVE .*, {re.escape(library)} (\d+)/(\d+)$", line)
                     or re.search(r"// LIVE (\d+|\?)/(\d+)(?:$|, )", line)):  # fmt: skip
            found[number] = (None if match[1] == "?" else int(match[1]), int(match[2]))
    return found


def traced(mtrace, folder, command):
    """{(file, line): (bytes, blocks)} of the program, read when it is no more there."""
    snapshot = folder.parent / f"{folder.name}.zst"
    run_quietly(mtrace, "run", "--nframe=100", "-o", snapshot, "--", *command, folder=folder)
    shutil.rmtree(folder)
    report = json.loads(run_quietly(mtrace, "top", snapshot, "--format=json"))
    return {(frame["filename"], frame["lineno"]): (group["size"], group["count"])
            for group in report["statistics"] for frame in group["traceback"]}  # fmt: skip


def expect(found, sources, library="libstdc++"):
    for source in sources:
        said = annotated(source, library)
        here = {line: held for (filename, line), held in found.items() if filename == str(source)}
        for line in said.keys() | here.keys():
            size, count = said.get(line, (0, 0))
            held = here.get(line, (0, 0))
            if held[1] != count or size not in (None, held[0]):
                raise Failure(f"{source.name}:{line} holds {size} bytes in {count} blocks, not {held}\n{found}")


def build(folder, compiler, flags):
    source = PROGRAMS / "containers.cpp"
    run(compiler, "-std=c++17", "-g", *flags, source, "-o", "program", folder=folder)


def check_way(folder, mtrace, compiler, flags):
    build(folder, compiler, flags)
    expect(traced(mtrace, folder, ["./program"]), [PROGRAMS / "containers.cpp"])


def check_other_library(folder, mtrace, flags):
    """LLVM's containers are hidden as GNU's are. Debian 12's libc++-dev cannot be installed beside libunwind-dev, which
    the unwinder is compared with, so ./dev deps does not bring it."""
    try:
        run("clang++", "-stdlib=libc++", "-x", "c++", "-fsyntax-only", "-include", "vector", "/dev/null")
    except Failure as failure:
        raise Skipped("libc++-dev is not installed") from failure
    build(folder, "clang++", ["-stdlib=libc++", *flags])
    expect(traced(mtrace, folder, ["./program"]), [PROGRAMS / "containers.cpp"], "libc++")


def check_stripped(folder, mtrace, compiler):
    build(folder, compiler, ["-O2"])
    run("objcopy", "--only-keep-debug", "program", "program.debug", folder=folder)
    run("strip", "--strip-all", "program", folder=folder)
    run("objcopy", "--add-gnu-debuglink=program.debug", "program", folder=folder)
    expect(traced(mtrace, folder, ["./program"]), [PROGRAMS / "containers.cpp"])


def check_plugin(folder, mtrace, compiler):
    """It is unloaded before the program ends."""
    build(folder, compiler, ["-O1", "-rdynamic"])
    run(compiler, "-std=c++17", "-g", "-O1", "-fPIC", "-shared", PROGRAMS / "plugin.cpp", "-o", "plugin.so",
        folder=folder)  # fmt: skip
    found = traced(mtrace, folder, ["./program", "./plugin.so"])
    expect({place: held for place, held in found.items() if place[0] == str(PROGRAMS / "plugin.cpp")},
           [PROGRAMS / "plugin.cpp"])  # fmt: skip


def check_rust(folder, mtrace, flags):
    run("rustc", "-g", "--edition", "2021", *flags, PROGRAMS / "collections.rs", "-o", "program", folder=folder)
    expect(traced(mtrace, folder, ["./program"]), [PROGRAMS / "collections.rs"])


def checks(mtrace):
    compilers = [compiler for compiler in ("g++", "clang++") if shutil.which(compiler)]
    for compiler in compilers:
        for name, flags in WAYS.items():
            # clang's LTO needs a linker of its own; the others make no difference to it.
            if compiler == "g++" or name not in ("lto", "-O1", "dwarf4", "compressed"):
                yield f"{compiler} {name}", check_way, mtrace, compiler, flags
        yield f"{compiler} stripped", check_stripped, mtrace, compiler
        yield f"{compiler} plugin", check_plugin, mtrace, compiler
    if "clang++" in compilers:
        for flags in ("-O0", "-O2"):
            yield f"clang++ libc++ {flags}", check_other_library, mtrace, [flags]
    if rust_works():
        yield "rust -O0", check_rust, mtrace, []
        yield "rust -O3", check_rust, mtrace, ["-C", "opt-level=3"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("--only", default="", help="checks whose name has this in it")
    arguments = parser.parse_args()
    return run_checks(checks(arguments.mtrace), arguments.only)


if __name__ == "__main__":
    sys.exit(main())
