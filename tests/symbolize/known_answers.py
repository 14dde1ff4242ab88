#!/usr/bin/env python3
"""Programs that say where they are, compiled in many ways: the answers must be what they say.

    tests/symbolize/known_answers.py --driver PATH

Each program prints return addresses, each with the file, line and functions that are true there. It is
then stripped, compressed, split or moved as people do with their programs, and every address is looked up.
"""

import shutil
import sys
from pathlib import Path

from checks import PROGRAMS, Failure, run, run_checks, rust_works
from known_programs import COMPILERS, Lookup, build, build_id, debug_file, driver_and_choice, expect, truths

FLAGS = {
    "O0": ["-g", "-O0"],
    "O2": ["-g", "-O2"],
    "O3-lto": ["-g", "-O3", "-flto"],
    "no-pie": ["-g", "-O2", "-no-pie", "-fno-pie"],
    "dwarf4": ["-g", "-gdwarf-4", "-O2"],
    "dwarf5": ["-g", "-gdwarf-5", "-O1"],
    "compressed": ["-g", "-O2", "-gz"],
    "split5": ["-g", "-gdwarf-5", "-O2", "-gsplit-dwarf"],
    "split4": ["-g", "-gdwarf-4", "-O2", "-gsplit-dwarf"],
    "sections": ["-g", "-O2", "-ffunction-sections", "-Wl,--gc-sections"],
}


def check_flags(folder, driver, cc, cxx, name):
    if "lto" in name and cc == "clang":
        return  # needs a linker of its own
    program = build(folder, cc, cxx, FLAGS[name])
    said = truths(run(program).stdout)
    expect(Lookup(driver, program), said, what=f"{cxx} {name}")


def check_separate(folder, driver, cc, cxx):
    program = build(folder, cc, cxx, ["-g", "-O2"])
    said = truths(run(program).stdout)
    debug = debug_file(program, "--compress-debug-sections")
    run("objcopy", f"--add-gnu-debuglink={debug.name}", program, folder=program.parent)
    expect(Lookup(driver, program), said, what="debuglink")

    hidden = program.parent / ".debug"
    hidden.mkdir()
    debug = debug.rename(hidden / debug.name)
    expect(Lookup(driver, program), said, what="debuglink into .debug")

    identity = build_id(program)
    store = folder / "store"
    place = store / ".build-id" / identity[:2] / (identity[2:] + ".debug")
    place.parent.mkdir(parents=True)
    debug.rename(place)
    expect(Lookup(driver, program, "--debug-dir", store), said, what="build id")

    lookup = Lookup(driver, program)
    found = lookup([said[0][0]])
    if found[said[0][0]]:
        raise Failure(f"stripped: {found}")

    # The program itself is gone, or was replaced; its debug information tells it all.
    program.write_bytes(Path("/bin/true").read_bytes())
    expect(Lookup(driver, program, "--debug-dir", store, "--build-id", identity), said, what="program replaced")
    program.unlink()
    expect(Lookup(driver, program, "--debug-dir", store, "--build-id", identity), said, what="program gone")


def check_symbols(folder, driver, cc, cxx):
    program = build(folder, cc, cxx, ["-g", "-O2"])
    said = truths(run(program).stdout)
    run("strip", "--strip-debug", program)
    expect(Lookup(driver, program), said, inlines=False, lines=False, what="symbols only")


def check_another_build(folder, driver, cc, cxx):
    program = build(folder, cc, cxx, ["-g", "-O0"])
    said = truths(run(program).stdout)
    for identity in ("0123456789abcdef0123456789abcdef01234567", ""):
        lookup = Lookup(driver, program, "--build-id", identity)
        found = lookup([address for address, *_ in said])
        if any(found.values()) or len(lookup.warnings) != 1:
            raise Failure(f"another build ({identity}): {found} {lookup.warnings}")
    lookup = Lookup(driver, folder / "nothing", "--build-id", "0123456789")
    if lookup([0x1000])[0x1000] or len(lookup.warnings) != 1:
        raise Failure(f"a missing file: {lookup.warnings}")
    loop = folder / "loop"
    loop.symlink_to(loop)
    lookup = Lookup(driver, loop, "--build-id", "0123456789")
    if lookup([0x1000])[0x1000] or "Too many levels" not in "".join(lookup.warnings):
        raise Failure(f"a loop: {lookup.warnings}")


def check_sysroot(folder, driver, cc, cxx):
    program = build(folder, cc, cxx, ["-g", "-O1"])
    said = truths(run(program).stdout)
    expect(Lookup(driver, "/out/program", "--sysroot", folder), said, what="sysroot")


def check_missing_split(folder, driver, cc, cxx):
    program = build(folder, cc, cxx, ["-g", "-O2", "-gsplit-dwarf"])
    said = truths(run(program).stdout)
    for split in program.parent.glob("*.dwo"):
        split.unlink()
    lookup = Lookup(driver, program)
    expect(lookup, said, inlines=False, lines=True, what="missing .dwo")
    if len(lookup.warnings) != 1 or ".dwo" not in lookup.warnings[0]:
        raise Failure(f"missing .dwo: {lookup.warnings}")


def check_shared_library(folder, driver, cc, cxx):
    out = folder / "out"
    program = build(folder, cc, cxx, ["-g", "-O2"])
    run(cc, "-g", "-O2", "-fPIC", "-shared", PROGRAMS / "library.c", PROGRAMS / "say.c", "-Wl,--build-id", "-o", "known.so",
        folder=out)  # fmt: skip
    source = out / "load.c"
    source.write_text('#include <dlfcn.h>\nint main(void) { void (*f)(void); *(void**)&f = dlsym(dlopen("./known.so", 2),'
                      '"library_entry"); f(); return 0; }\n')  # fmt: skip
    run(cc, source, "-o", program, folder=out)
    expect(Lookup(driver, out / "known.so"), truths(run(program, folder=out).stdout), what="library")


def check_shared_debug(folder, driver, cc, cxx):
    """dwz takes what two files have in common into a third one."""
    if shutil.which("dwz") is None:
        return
    programs = []
    for name in ("one", "two"):
        (folder / name).mkdir()
        programs.append(build(folder / name, cc, cxx, ["-g", "-O2", "-gdwarf-4", f"-DNAME={name}"]))
    said = truths(run(programs[0]).stdout)
    debugs = [debug_file(program) for program in programs]
    run("dwz", "-m", folder / "common.debug", "-M", folder / "common.debug", *debugs)
    for program, debug in zip(programs, debugs):
        run("objcopy", f"--add-gnu-debuglink={debug.name}", program, folder=program.parent)
    expect(Lookup(driver, programs[0]), said, what="dwz")
    identity = build_id(folder / "common.debug")
    place = folder / "store" / ".build-id" / identity[:2] / (identity[2:] + ".debug")
    place.parent.mkdir(parents=True)
    (folder / "common.debug").rename(place)
    expect(Lookup(driver, programs[0], "--debug-dir", folder / "store"), said, what="dwz by build id")


def check_rust(folder, driver, mangling):
    run("gcc", "-c", PROGRAMS / "say.c", "-o", folder / "say.o")
    run("rustc", "-g", "-O", "--edition", "2021", *mangling, "-C", f"link-arg={folder / 'say.o'}", "-o",
        folder / "program", PROGRAMS / "program.rs")  # fmt: skip
    said = truths(run(folder / "program").stdout)
    found = Lookup(driver, folder / "program")([address for address, *_ in said])
    for address, filename, line, (name,) in said:
        own = [frame for frame in found[address] if frame[1] == str(PROGRAMS / "program.rs") and frame[0].split("::<")[0].endswith("::" + name)]
        if len(own) != 1 or own[0][2] != line or any("17h" in function for function, *_ in found[address]):
            raise Failure(f"rust: {address:#x} is {name} {filename}:{line}, not {found[address]}")


def checks(driver):
    for cc, cxx in COMPILERS:
        for name in FLAGS:
            yield f"{cxx} {name}", check_flags, driver, cc, cxx, name
    for check in (check_separate, check_symbols, check_another_build, check_sysroot, check_missing_split,
                  check_shared_library, check_shared_debug):  # fmt: skip
        yield check.__name__, check, driver, *COMPILERS[0]
    if rust_works():
        yield "rust", check_rust, driver, []
        yield "rust v0", check_rust, driver, ["-C", "symbol-mangling-version=v0"]


def main():
    driver, chosen = driver_and_choice()
    return run_checks(checks(driver), chosen)


if __name__ == "__main__":
    sys.exit(main())
