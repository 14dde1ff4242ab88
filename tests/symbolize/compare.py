#!/usr/bin/env python3
"""The same addresses asked of mtrace and of LLVM's symbolizer (or GNU addr2line): each difference, counted by kind.

    tests/symbolize/compare.py --driver PATH [--peer llvm-symbolizer|addr2line] [--addresses N] ELF...

Addresses are drawn at random from the functions that the symbol table knows; the same ones in every run. Compared is
the whole chain of inlined calls: functions, files and lines. What differs by intention is made equal first:

- C++ names: the peer's are mangled, and written as the programmer did here, by binutils' c++filt; mtrace leaves the
  return types of templates out, and names what is around a function without a symbol.
- Paths: "a/../b" is "b".

What else is known to differ is in is_from_symbol(). More differences than --allowed fail.
"""

import argparse
import collections
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UNKNOWN = ("??", "??", 0)
STREAMS = [(f"std::basic_{kind}<char, std::char_traits<char> >", f"std::{kind}")
           for kind in ("ostream", "istream", "iostream")]  # fmt: skip
STREAMS.append(("std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"))


def functions_of(elf):
    """(begin, end) of each function, once."""
    table = subprocess.run(["readelf", "-sW", elf], capture_output=True, text=True, errors="replace", check=False).stdout
    found = set()
    for line in table.splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[3] in ("FUNC", "GNU_IFUNC") and fields[6] != "UND":
            begin, size = int(fields[1], 16), int(fields[2], 0)
            if size > 0:
                found.add((begin, begin + size))
    return sorted(found)


def drawn(elf, count):
    """Addresses all over the functions; each once, in order."""
    places = functions_of(elf)
    total = sum(end - begin for begin, end in places)
    chance = random.Random(20261121)
    step = max(total / count, 1)
    addresses, before, at = set(), 0, step * chance.random()
    for begin, end in places:
        while at < before + end - begin:
            addresses.add(begin + int(at - before))
            at += step * (0.5 + chance.random())
        before += end - begin
    return sorted(addresses)


def run(command, text):
    done = subprocess.run(command, input=text, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {done.stderr[:500]}")
    return done.stdout


def pairs_of(lines):
    """Frames from lines that are a function and "FILE:LINE", with ":COLUMN" or " (discriminator 3)" behind."""
    frames = []
    for function, place in zip(lines[::2], lines[1::2]):
        match = re.match(r"(.*?):(\d+|\?)(?::\d+)?(?: \(discriminator \d+\))?$", place)
        filename, number = (match[1], match[2]) if match else (place, "0")
        filename = os.path.normpath(filename) if filename != "??" else filename
        frames.append((function, filename, int(number) if number != "?" else 0))
    while frames and frames[-1] == UNKNOWN:
        frames.pop()
    return frames


def by_address(output):
    """{address: frames} of what addr2line -a and our driver print."""
    answers, lines = {}, []
    for line in output.splitlines():
        if re.fullmatch(r"0x[0-9a-f]+", line):
            lines = answers.setdefault(int(line, 16), [])
        elif line:
            lines.append(line)
    return {address: pairs_of(lines) for address, lines in answers.items()}


def ours(driver, elf, text):
    return by_address(run([driver, elf], text))


def theirs(peer, elf, text):
    if peer == "addr2line":
        return demangled(by_address(run(["addr2line", "-afi", "-e", elf], text)))
    output = run(["llvm-symbolizer", f"--obj={elf}", "--inlines", "--functions=linkage", "--no-demangle", "--addresses"], text)
    return demangled(by_address(output))


def demangled(answers):
    names = sorted({function for frames in answers.values() for function, *_ in frames})
    readable = dict(zip(names, run(["c++filt"], "".join(f"{name}\n" for name in names)).splitlines()))
    return {at: [(readable[function], *place) for function, *place in frames] for at, frames in answers.items()}


def with_short_streams(name):
    """A mangled name may have one letter for them."""
    for full, short in STREAMS:
        name = name.replace(full, short)
    return name


def without_hash(name):
    """Rust's old names end in one, and copies of a function say that they are."""
    return re.sub(r"( \[clone [^]]*\])+$|::h[0-9a-f]{16}$", "", name)


def same_function(our, their):
    our, their = (with_short_streams(without_hash(name)) for name in (our, their))
    return (our == their or their.endswith((" " + our, "*" + our, "&" + our))
            or our.endswith("::" + their) or our.split("(")[0].endswith("::" + their)
            or without_versions(our) == without_versions(their))  # fmt: skip


def without_versions(name):
    return re.sub(r"(\.(part|constprop|isra|cold|lto_priv|llvm)(\.\d+)?)+$", "", re.sub(r"@.*", "", name))


def is_from_symbol(our, their):
    """LLVM takes the outermost function's name from the symbol table, where the debug information has none that is
    mangled (GCC: in unnamed namespaces). It then has parameters, and lambdas have numbers."""
    own = re.sub(r"<.*", "", our).split("::")[-1]
    return (not our.endswith((")", "const")) and own in their or "operator()" in our and "operator()" in their
            or (our == "__tls_init" and their.startswith("TLS init function for ")))  # fmt: skip


def kind_of(our, their):
    """What differs, or nothing."""
    if not our and not their:
        return ""
    if not our or not their:
        return "only the peer knows it" if their else "only mtrace knows it"
    if len(our) != len(their):
        return "the number of inlined calls"
    if is_from_symbol(our[-1][0], their[-1][0]):
        their = [*their[:-1], (our[-1][0], *their[-1][1:])]
    if not all(same_function(a[0], b[0]) for a, b in zip(our, their)):
        return "a function"
    if any(a[1] != b[1] for a, b in zip(our, their)):
        return "a file"
    return "a line" if any(a[2] != b[2] for a, b in zip(our, their)) else ""


def compare(driver, peer, elf, count, show):
    addresses = drawn(elf, count)
    text = "".join(f"{address:#x}\n" for address in addresses)
    mine, other = ours(driver, elf, text), theirs(peer, elf, text)
    kinds = collections.defaultdict(list)
    for address in addresses:
        kind = kind_of(mine.get(address, []), other.get(address, []))
        if kind:
            kinds[kind].append(address)
    print(f"{elf}: {len(addresses)} addresses, {sum(map(len, kinds.values()))} differ")
    for kind, where in sorted(kinds.items()):
        print(f"  {kind}: {len(where)}")
        for address in where[:show]:
            print(f"    {address:#x}\n      mtrace {mine.get(address)}\n      {peer} {other.get(address)}")
    return sum(map(len, kinds.values()))


def built(folder):
    source = Path(__file__).resolve().parent / "programs" / "containers.cpp"
    for compiler in filter(shutil.which, ("g++", "clang++")):
        for flags in (["-O0"], ["-O2"]):
            program = folder / (compiler + flags[0])
            subprocess.run([compiler, "-std=c++17", "-g", *flags, source, "-o", program], check=True)
            yield program


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True, help="symbolize_addresses")
    parser.add_argument("--peer", choices=["llvm-symbolizer", "addr2line"], default="llvm-symbolizer")
    parser.add_argument("--addresses", type=int, default=100000, help="for each file")
    parser.add_argument("--show", type=int, default=3, help="of each kind of difference")
    parser.add_argument("--allowed", type=int, default=0, help="differences in all files together")
    parser.add_argument("--build", action="store_true", help="a program with every compiler, and compare that")
    parser.add_argument("elf", nargs="*")
    arguments = parser.parse_args()
    if shutil.which(arguments.peer) is None:
        raise SystemExit(f"there is no {arguments.peer}")
    driver = Path(arguments.driver).resolve()
    with tempfile.TemporaryDirectory(prefix="mtrace-test-") as folder:
        elves = [*arguments.elf, *(built(Path(folder)) if arguments.build else [])]
        different = sum(compare(driver, arguments.peer, elf, arguments.addresses, arguments.show) for elf in elves)
    return 1 if different > arguments.allowed else 0


if __name__ == "__main__":
    sys.exit(main())
