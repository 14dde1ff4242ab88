"""What `./dev release` and `./dev abi` rely on finds what it is there to find: a byte that differs between two builds,
and a library that breaks the programs that are linked with it."""

import argparse
import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

RECORDED = Path(__file__).resolve().parent / "abi" / "libmtrace.abi.gz"

HEADER = """\
#pragma once
struct Inner;
struct Total {
  long size;
  long count;
};
class Sum {
 public:
  Total total() const;
  long of(int first) const;
 private:
  Inner* inner_;
};
"""
SOURCE = """\
#include "sum.h"
struct Inner {
  int values[4];
};
Total Sum::total() const { return {inner_->values[0], 1}; }
long Sum::of(int first) const { return inner_->values[first]; }
"""


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def expect(condition, message):
    if not condition:
        sys.exit(message)


def check_same_files(script, folder):
    first, second = folder / "first", folder / "second"
    for place in (first, second):
        place.mkdir()
        (place / "package.deb").write_bytes(b"0123456789")
        (place / "tree.tar.gz").write_bytes(b"abc")
    done = run(script, first, second)
    expect(done.returncode == 0, f"equal files are not: {done}")
    (second / "package.deb").write_bytes(b"012345_789")
    done = run(script, first, second)
    expect(done.returncode == 1 and "package.deb differ: byte 7" in done.stderr, f"a byte differs, unnoticed: {done}")
    (second / "package.deb").unlink()
    done = run(script, first, second)
    expect(done.returncode == 1 and "< ./package.deb" in done.stderr, f"a file is missing, unnoticed: {done}")


def compare(script, older, newer):
    return run(script, "compare", older, newer)


def describe(script, folder, name, header=HEADER, source=SOURCE, soname="libsum.so.1"):
    """The ABI of a library that is built of this."""
    place = folder / name
    place.mkdir()
    (place / "sum.h").write_text(header)
    (place / "sum.cpp").write_text(source)
    library = place / "libsum.so"
    built = run("g++", "-g", "-shared", "-fPIC", f"-Wl,-soname,{soname}", place / "sum.cpp", "-o", library)
    expect(built.returncode == 0, built.stderr)
    described = run(script, "describe", library, place)
    expect(described.returncode == 0 and "Total" in described.stdout, f"no ABI of {name}: {described}")
    path = folder / f"{name}.abi"
    path.write_text(described.stdout)
    return path


def check_small_library(script, folder):
    released = describe(script, folder, "released")
    function = "long Sum::of(int first) const { return inner_->values[first]; }"
    kept = {
        "rebuilt": {},
        "private": {"source": SOURCE.replace("values[4]", "values[9]")},
        "added": {
            "header": HEADER.replace("  long of", "  int last() const;\n  long of"),
            "source": SOURCE + "int Sum::last() const { return inner_->values[3]; }\n",
        },
    }
    for name, change in kept.items():
        done = compare(script, released, describe(script, folder, name, **change))
        expect(done.returncode == 0 and "keeps its ABI" in done.stdout, f"{name} breaks nothing: {done}")
    broken = {
        "removed": ({"header": HEADER.replace("  long of(int first) const;\n", ""), "source": SOURCE.replace(function, "")},
                    "Sum::of(int) const"),
        "member": ({"header": HEADER.replace("  long count;", "  long error;\n  long count;")},
                   "'long int count' offset changed from 64 to 128"),
        "size": ({"header": HEADER.replace("long size", "int size").replace("long count", "int count")},
                 "type size changed from 128 to 64"),
        "parameter": ({"header": HEADER.replace("int first", "long first"), "source": SOURCE.replace("int first", "long first")},
                      "Sum::of(int) const"),
    }
    for name, (change, message) in broken.items():
        done = compare(script, released, describe(script, folder, name, **change))
        expect(done.returncode == 1 and message in done.stdout, f"{name} breaks programs, unnoticed: {done}")
        expect("is not what it was" in done.stderr, f"{name}: nothing says so: {done}")
    done = compare(script, released, describe(script, folder, "another", soname="libsum.so.2"))
    expect(done.returncode == 0 and "libsum.so.2 is another one" in done.stdout, f"another SONAME: {done}")


def check_recorded(script, folder):
    """The library's own, with a member more in a type that programs look into."""
    released, changed = folder / "libmtrace.abi", folder / "libmtrace.changed.abi"
    text = gzip.decompress(RECORDED.read_bytes()).decode()
    start = text.index("<class-decl name='Statistic' size-in-bits='320'")
    end = text.index("</class-decl>", start)
    statistic = text[start:end]
    for old, new in (("size-in-bits='320'", "size-in-bits='384'"), ("bits='192'", "bits='256'"), ("bits='64'", "bits='128'")):
        expect(old in statistic, f"the recorded Statistic has no {old}")
        statistic = statistic.replace(old, new)
    released.write_text(text)
    changed.write_text(text[:start] + statistic + text[end:])
    done = compare(script, released, released)
    expect(done.returncode == 0, f"what is recorded is not itself: {done}")
    done = compare(script, released, changed)
    expect(done.returncode == 1 and "Amount amount' offset changed from 64 to 128" in done.stdout,
           f"a member of Statistic has moved, unnoticed: {done}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packaging", required=True, type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-release-") as name:
        folder = Path(name)
        check_same_files(arguments.packaging / "same_files.sh", folder)
        script = arguments.packaging / "library_abi.sh"
        check_small_library(script, folder)
        check_recorded(script, folder)


if __name__ == "__main__":
    main()
