"""Programs that say where they are: building them, and holding what is looked up against what they said."""

import argparse
import shutil
from pathlib import Path

from checks import PROGRAMS, Failure, run

COMPILERS = [(cc, cxx) for cc, cxx in (("gcc", "g++"), ("clang", "clang++")) if shutil.which(cxx)]


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
        self.environment = None  # this process's

    def __call__(self, addresses):
        done = run(self.command, "--return", *self.options, self.path, given="".join(f"{a:#x}\n" for a in addresses),
                   environment=self.environment)  # fmt: skip
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


def debug_file(program, *options):
    """Moves the debug information into a file of its own."""
    debug = program.with_suffix(".debug")
    run("objcopy", "--only-keep-debug", *options, program, debug)
    run("strip", "--strip-all", program)
    return debug


def build_id(program):
    notes = run("readelf", "-n", program).stdout
    return notes.split("Build ID: ")[1].split()[0]


def driver_and_choice():
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True, type=lambda path: Path(path).resolve())
    parser.add_argument("--only", default="", help="checks whose name has this in it")
    arguments = parser.parse_args()
    return arguments.driver, arguments.only
