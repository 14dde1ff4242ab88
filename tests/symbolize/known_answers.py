#!/usr/bin/env python3
"""Programs that say where they are, compiled in many ways: the answers must be what they say.

    tests/symbolize/known_answers.py --driver PATH

Each program prints return addresses, each with the file, line and functions that are true there. It is
then stripped, compressed, split or moved as people do with their programs, and every address is looked up.
"""

import argparse
import concurrent.futures
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"
COMPILERS = [(cc, cxx) for cc, cxx in (("gcc", "g++"), ("clang", "clang++")) if shutil.which(cxx)]


class Failure(Exception):
    pass


def run(*command, folder=None, given=None):
    done = subprocess.run([str(word) for word in command], cwd=folder, input=given, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def frames_of(output):
    """{address: [(function, file, line), ...]}, innermost first."""
    frames, lines = {}, iter(output.splitlines())
    for line in lines:
        if line.startswith("0x"):
            here = frames.setdefault(int(line, 16), [])
        else:
            filename, _, number = next(lines).rpartition(":")
            if (line, filename) != ("??", "??"):
                here.append((line, filename, int(number)))
    return frames


class Lookup:
    def __init__(self, driver, path, *options):
        self.path, self.options, self.command = path, options, driver

    def __call__(self, addresses):
        done = run(self.command, "--return", *self.options, self.path, given="".join(f"{a:#x}\n" for a in addresses))
        self.warnings = [line for line in done.stderr.splitlines() if line.startswith("warning:")]
        return frames_of(done.stdout)


def truths(output):
    """What a program said: [(address, file, line, [function, ...])]. A function's arguments hold spaces, and its
    template arguments "<": only those of the chain stand between functions."""
    said = []
    for text in output.splitlines():
        address, filename, line, chain = text.split(" ", 3)
        said.append((int(address, 16), filename, int(line), split_chain(chain)))
    if not said:
        raise Failure("the program said nothing")
    return said


def split_chain(chain):
    functions, depth, start = [], 0, 0
    for i, letter in enumerate(chain):
        # "f<g" goes on with a name behind a complete function; "f<int>" is closed again.
        if letter == "<" and ">" not in chain[i:]:
            functions.append(chain[start:i])
            start = i + 1
    return [*functions, chain[start:]]


def same_function(found, expected):
    """Functions of one file have no arguments in some compilers' debug information."""
    return found == expected or found.startswith(expected + "(")


def is_source(found, said):
    return found.startswith("/") and Path(found).resolve() == PROGRAMS / Path(said).name


def expect(lookup, said, inlines=True, lines=True, what=""):
    found = lookup([address for address, *_ in said])
    for address, filename, line, chain in said:
        here = found.get(address, [])
        functions = [function for function, *_ in here]
        if not inlines:
            chain = chain[-1:]
        if len(functions) != len(chain) or not all(map(same_function, functions, chain)):
            raise Failure(f"{what}: {address:#x} is in {chain}, not {functions} {lookup.warnings}")
        if lines and (here[0][2] != line or not is_source(here[0][1], filename)):
            raise Failure(f"{what}: {address:#x} is {filename}:{line}, not {here[0][1]}:{here[0][2]}")
        if not lines and here[0][1] != "??":
            raise Failure(f"{what}: {address:#x} has a file: {here[0]}")


def build(folder, cc, cxx, flags, link=()):
    """Compiles with relative names, from a folder that is not where the sources are."""
    sources = Path("..") / "programs"
    (folder / "out").mkdir()
    if not (folder / "programs").exists():
        (folder / "programs").symlink_to(PROGRAMS)
    out = folder / "out"
    run(cc, "-c", sources / "say.c", "-o", "say.o", folder=out)
    run(cxx, "-std=c++17", *flags, "-c", sources / "main.cpp", "-o", "main.o", folder=out)
    run(cxx, *flags, "main.o", "say.o", "-Wl,--build-id", *link, "-o", "program", folder=out)
    return out / "program"


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


def check_flags(driver, folder, cc, cxx, name):
    if "lto" in name and cc == "clang":
        return  # needs a linker of its own
    program = build(folder, cc, cxx, FLAGS[name])
    said = truths(run(program).stdout)
    expect(Lookup(driver, program), said, what=f"{cxx} {name}")


def debug_file(program, *options):
    """Moves the debug information into a file of its own."""
    debug = program.with_suffix(".debug")
    run("objcopy", "--only-keep-debug", *options, program, debug)
    run("strip", "--strip-all", program)
    return debug


def build_id(program):
    notes = run("readelf", "-n", program).stdout
    return notes.split("Build ID: ")[1].split()[0]


def check_separate(driver, folder, cc, cxx):
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


def check_symbols(driver, folder, cc, cxx):
    program = build(folder, cc, cxx, ["-g", "-O2"])
    said = truths(run(program).stdout)
    run("strip", "--strip-debug", program)
    expect(Lookup(driver, program), said, inlines=False, lines=False, what="symbols only")


def check_another_build(driver, folder, cc, cxx):
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


def check_sysroot(driver, folder, cc, cxx):
    program = build(folder, cc, cxx, ["-g", "-O1"])
    said = truths(run(program).stdout)
    expect(Lookup(driver, "/out/program", "--sysroot", folder), said, what="sysroot")


def check_missing_split(driver, folder, cc, cxx):
    program = build(folder, cc, cxx, ["-g", "-O2", "-gsplit-dwarf"])
    said = truths(run(program).stdout)
    for split in program.parent.glob("*.dwo"):
        split.unlink()
    lookup = Lookup(driver, program)
    expect(lookup, said, inlines=False, lines=True, what="missing .dwo")
    if len(lookup.warnings) != 1 or ".dwo" not in lookup.warnings[0]:
        raise Failure(f"missing .dwo: {lookup.warnings}")
    program.with_suffix(".dwp").touch()
    expect(lookup, said, inlines=False, lines=True, what=".dwp")
    if len(lookup.warnings) != 1 or "program.dwp is a DWARF package" not in lookup.warnings[0]:
        raise Failure(f".dwp: {lookup.warnings}")


def check_shared_library(driver, folder, cc, cxx):
    out = folder / "out"
    program = build(folder, cc, cxx, ["-g", "-O2"])
    run(cc, "-g", "-O2", "-fPIC", "-shared", PROGRAMS / "library.c", PROGRAMS / "say.c", "-Wl,--build-id", "-o", "known.so",
        folder=out)  # fmt: skip
    source = out / "load.c"
    source.write_text('#include <dlfcn.h>\nint main(void) { void (*f)(void); *(void**)&f = dlsym(dlopen("./known.so", 2),'
                      '"library_entry"); f(); return 0; }\n')  # fmt: skip
    run(cc, source, "-o", program, folder=out)
    expect(Lookup(driver, out / "known.so"), truths(run(program, folder=out).stdout), what="library")


def check_shared_debug(driver, folder, cc, cxx):
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


def check_rust(driver, folder, mangling):
    if shutil.which("rustc") is None:
        return
    run("gcc", "-c", PROGRAMS / "say.c", "-o", folder / "say.o")
    done = subprocess.run(["rustc", "-g", "-O", "--edition", "2021", *mangling, "-C", f"link-arg={folder / 'say.o'}", "-o",
                           folder / "program", PROGRAMS / "program.rs"], capture_output=True, text=True, timeout=120,
                          check=False)  # fmt: skip
    if done.returncode != 0:
        print(f"rustc cannot: {done.stderr[:200]}")
        return
    said = truths(run(folder / "program").stdout)
    found = Lookup(driver, folder / "program")([address for address, *_ in said])
    for address, filename, line, (name,) in said:
        own = [frame for frame in found[address] if frame[1] == str(PROGRAMS / "program.rs") and frame[0].split("::<")[0].endswith("::" + name)]
        if len(own) != 1 or own[0][2] != line or any("17h" in function for function, *_ in found[address]):
            raise Failure(f"rust: {address:#x} is {name} {filename}:{line}, not {found[address]}")


def checks():
    for cc, cxx in COMPILERS:
        for name in FLAGS:
            yield f"{cxx} {name}", check_flags, (cc, cxx, name)
    for check in (check_separate, check_symbols, check_another_build, check_sysroot, check_missing_split,
                  check_shared_library, check_shared_debug):  # fmt: skip
        yield check.__name__, check, COMPILERS[0]
    yield "rust", check_rust, ([],)
    yield "rust v0", check_rust, (["-C", "symbol-mangling-version=v0"],)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True, type=lambda path: Path(path).resolve())
    driver = parser.parse_args().driver
    problems = []
    with tempfile.TemporaryDirectory(prefix="mtrace-test-") as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = []
        for number, (name, check, arguments) in enumerate(checks()):
            own = Path(folder) / str(number)
            own.mkdir()
            running.append((name, pool.submit(check, driver, own, *arguments)))
        for name, future in running:
            try:
                future.result()
            except (Failure, subprocess.TimeoutExpired) as failure:
                problems.append(f"{name}: {failure}")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(running)} ways of building, {len(problems)} problems")
    return 1 if problems or not running else 0


if __name__ == "__main__":
    sys.exit(main())
