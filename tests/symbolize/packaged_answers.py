#!/usr/bin/env python3
"""Programs that say where they are, whose split debug information is in one package (.dwp): the answers stay what they say.

    tests/symbolize/packaged_answers.py --driver PATH [--only NAME]
"""

import shutil
import sys

import dwarf_package
from checks import Failure, Skipped, run, run_checks
from known_programs import COMPILERS, Lookup, build, debug_file, driver_and_choice, expect, truths

# What Debian 12 has can make these: GNU's dwp crashes on DWARF 5, and LLVM's does not end on GCC's.
PACKAGES = {"g++": [(4, "dwp"), (4, "llvm-dwp"), (5, "this test")],
            "clang++": [(4, "dwp"), (4, "llvm-dwp"), (5, "llvm-dwp"), (5, "this test")]}  # fmt: skip


def package(program, maker):
    """The split halves of the program in one file."""
    path = program.with_name(program.name + ".dwp")
    halves = sorted(program.parent.glob("*.dwo"))
    if maker == "this test":
        dwarf_package.write(path, halves)
    elif shutil.which(maker) is None:
        raise Skipped(f"{maker} is not installed")
    else:
        run(maker, "-e", program, "-o", path, folder=program.parent)
    for half in halves:
        half.unlink()
    return path


def check_package(folder, driver, cc, cxx, version, maker):
    """All are there: beside the program, beside its separate debug file, compressed, and with the program gone."""
    program = build(folder, cc, cxx, ["-g", f"-gdwarf-{version}", "-O2", "-gsplit-dwarf"])
    said = truths(run(program).stdout)
    packaged = package(program, maker)
    lookup = Lookup(driver, program)
    expect(lookup, said, what="a package")
    run("objcopy", "--compress-debug-sections=zlib", packaged)
    expect(lookup, said, what="a compressed package")
    debug = debug_file(program)
    run("objcopy", f"--add-gnu-debuglink={debug.name}", program, folder=program.parent)
    expect(lookup, said, what="the program's package and separate debug information")
    packaged.rename(debug.with_name(debug.name + ".dwp"))
    expect(lookup, said, what="a package of separate debug information")
    if lookup.warnings:
        raise Failure(f"a package: {lookup.warnings}")


def check_other_package(folder, driver, cc, cxx):
    """What is no package, or not this program's, is said and not used; a half that is a file is found all the same."""
    program = build(folder, cc, cxx, ["-g", "-gdwarf-4", "-O2", "-gsplit-dwarf"])
    said = truths(run(program).stdout)
    path = program.with_name(program.name + ".dwp")
    lookup = Lookup(driver, program)
    path.write_text("not a package, but as long as the header of an ELF file would have to be")
    expect(lookup, said, what="text for a package")
    if len(lookup.warnings) != 1 or "program.dwp cannot be read: it is not an ELF file" not in lookup.warnings[0]:
        raise Failure(f"text for a package: {lookup.warnings}")
    path.write_bytes(program.read_bytes())
    expect(lookup, said, what="a program for a package")
    if len(lookup.warnings) != 1 or "it is not a DWARF package" not in lookup.warnings[0]:
        raise Failure(f"a program for a package: {lookup.warnings}")

    (folder / "other").mkdir()
    other = build(folder / "other", cc, cxx, ["-g", "-gdwarf-4", "-O1", "-gsplit-dwarf"])
    package(other, "dwp").rename(path)
    expect(lookup, said, what="another program's package")
    if lookup.warnings:
        raise Failure(f"another program's package: {lookup.warnings}")
    for half in program.parent.glob("*.dwo"):
        half.unlink()
    expect(lookup, said, inlines=False, lines=True, what="only another program's package")
    if len(lookup.warnings) != 1 or ".dwo" not in lookup.warnings[0]:
        raise Failure(f"only another program's package: {lookup.warnings}")


def checks(driver):
    for cc, cxx in COMPILERS:
        for version, maker in PACKAGES[cxx]:
            yield f"{cxx} DWARF {version} packaged by {maker}", check_package, driver, cc, cxx, version, maker
    yield "another package", check_other_package, driver, *COMPILERS[0]


def main():
    driver, chosen = driver_and_choice()
    return run_checks(checks(driver), chosen)


if __name__ == "__main__":
    sys.exit(main())
