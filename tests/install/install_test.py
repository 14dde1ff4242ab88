"""Installs mtrace, moves the installed tree elsewhere, and uses it as a stranger would: the command,
the library through CMake and through pkg-config, and each public header alone."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

HERE = Path(__file__).resolve().parent
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
WARNINGS = ["-std=c++17", *STRICT]
EXPECTED = """\
top 5 of 7
9000 bytes in 3 blocks: /app/cache.py:30
5000 bytes in 1 blocks: /app/load.py:7
400 bytes in 4 blocks: /app/a.py:4
300 bytes in 3 blocks: /app/a.py:3
200 bytes in 2 blocks: /app/a.py:2
150 bytes in 2 more groups, 15050 in total
grown: 1, added: 2
+8000 bytes, now 9000: /app/cache.py:30
+5000 bytes, now 5000: /app/load.py:7
+50 bytes, now 50: /app/new.py:1
+0 bytes, now 400: /app/a.py:4
+0 bytes, now 300: /app/a.py:3
2000 bytes before, 15050 after
"""


def run(*command, environment=None, stderr=subprocess.PIPE):
    """Returns what the command prints; ends the test with all of it if the command fails."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=os.environ | (environment or {}),
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{command} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def expect(condition, message):
    if not condition:
        sys.exit(message)


def write_snapshots(folder):
    """Two snapshots as tracemalloc dumps them, with more lines than the example prints."""

    def trace(filename, lineno, size):
        return (0, size, ((filename, lineno),), 1)

    steady = [trace("/app/a.py", line, 100) for line in range(1, 5) for _ in range(line)]
    machinery = [trace("<frozen importlib._bootstrap_external>", 688, 77777)]
    before = steady + machinery + [trace("/app/cache.py", 30, 1000)]
    after = steady + machinery + [trace("/app/cache.py", 30, 3000)] * 3
    after += [trace("/app/load.py", 7, 5000), trace("/app/new.py", 1, 50)]
    for name, traces in (("before", before), ("after", after)):
        tracemalloc.Snapshot(traces, 1).dump(folder / f"{name}.pickle")
    return folder / "before.pickle", folder / "after.pickle"


def installed_tree(arguments, folder):
    """Installs into one folder and moves it to another: no file may remember the first."""
    first, prefix = folder / "first", folder / "moved" / "mtrace"
    run(arguments.cmake, "--install", arguments.build, "--prefix", first)
    prefix.parent.mkdir()
    first.rename(prefix)
    for path in prefix.rglob("*"):
        if path.suffix in (".pc", ".cmake"):
            expect(str(folder) not in path.read_text(), f"{path} names the folder it was installed in")
    return prefix


def check_files(source, prefix):
    shells = ("bash-completion/completions/mtrace", "zsh/vendor-completions/_mtrace", "fish/vendor_completions.d/mtrace.fish")
    for name in shells:
        text = (prefix / "share" / name).read_text()
        expect("most-recent-first" in text, f"share/{name} does not complete --most-recent-first")
    page = (prefix / "share/man/man1/mtrace-top.1").read_text()
    expect("Fl -most-recent-first" in page, "the installed mtrace-top.1 does not have --most-recent-first")
    library_links = {path.name for path in prefix.rglob("libmtrace.so*")}
    expect(len(library_links) == 3, f"libmtrace.so, .so.N and .so.N.N.N expected: {library_links}")
    for kind, folder, pattern in (
        ("header", "include/mtrace", "include/mtrace/*.hpp"),
        ("schema", "share/mtrace/formats", "formats/*.schema.json"),
        ("specification", "share/mtrace/formats", "formats/*.md"),
        ("man page", "share/man/man1", "man/*.1"),
    ):
        for path in source.glob(pattern):
            expect((prefix / folder / path.name).exists(), f"the {kind} {path.name} is not installed")


def check_command(prefix, snapshots):
    mtrace = prefix / "bin" / "mtrace"
    version = run(mtrace, "--version")
    expect(re.search(r"\d+\.\d+\.\d+", version), f"mtrace --version says {version!r}")
    printed = run(mtrace, "top", "--format", "csv", snapshots[1])
    expect("/app/cache.py,30" in printed, f"mtrace top does not name the biggest line:\n{printed}")


def check_example(how, program, snapshots, environment=None):
    printed = run(program, *snapshots, environment=environment)
    expect(printed == EXPECTED, f"the example built {how} printed\n{printed}instead of\n{EXPECTED}")


def check_readme_example(arguments, options, environment, snapshots, folder):
    """The program in README.md is whole, and in the standard that it names."""
    readme = (Path(arguments.source) / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```cpp\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    (standard,) = re.findall(r"in (C\+\+\d\d):\n\n```cpp\n", readme)
    source = folder / "readme.cpp"
    source.write_text(program)
    command = (arguments.compiler, f"-std={standard.lower()}", "-pedantic-errors", *STRICT, source, *options)
    run(*command, "-o", folder / "readme")
    printed = run(folder / "readme", *snapshots, environment=environment)
    expect(printed.startswith("8000 bytes: /app/cache.py:30\n5000 bytes: /app/load.py:7\n"), f"it printed {printed}")


def check_own_reader(program, prefix, folder):
    stacks = "main app.c:12;load load.c:30 4096\nmain app.c:12 100\nmain app.c:12;load load.c:30 4\n"
    snapshot = folder / "own_reader.zst"
    done = subprocess.run([program, snapshot], input=stacks, text=True, check=False)
    expect(done.returncode == 0, f"{program} exited with {done.returncode}")
    top = run(prefix / "bin" / "mtrace", "top", "--format=csv", snapshot)
    expect("1,4100,2,2050,load.c,30,load," in top, f"mtrace top does not read what the own reader wrote:\n{top}")


def check_cmake_package(arguments, prefix, snapshots, folder):
    build = folder / "example"
    run(
        *(arguments.cmake, "-S", HERE, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}"),
        f"-DCMAKE_CXX_COMPILER={arguments.compiler}",
        f"-DCMAKE_CXX_FLAGS={' '.join(STRICT)}",
        f"-DCMAKE_C_FLAGS={' '.join(STRICT)}",
    )
    run(arguments.cmake, "--build", build)
    check_example("with CMake", build / "example", snapshots)
    check_own_reader(build / "own_reader", prefix, folder)
    if next(prefix.rglob("libmtrace_rt.so"), None):
        check_self_traced(build / "self_traced", prefix, folder)
        check_both(build / "both", folder)


def check_pkg_config(arguments, prefix, snapshots, folder):
    library = next(prefix.rglob("libmtrace.so")).parent
    found = {"PKG_CONFIG_PATH": str(library / "pkgconfig")}
    options = run("pkg-config", "--cflags", "--libs", "mtrace", environment=found).split()
    program = folder / "with_pkg_config"
    run(arguments.compiler, *WARNINGS, HERE / "example.cpp", *options, "-o", program)
    environment = {"LD_LIBRARY_PATH": str(library)}
    check_example("with pkg-config", program, snapshots, environment)
    check_readme_example(arguments, options, environment, snapshots, folder)
    if not (library / "libmtrace_rt.so").exists():
        print("built without the runtime: left out")
        return
    options = run("pkg-config", "--cflags", "--libs", "mtrace_rt", environment=found).split()
    program = folder / "self_traced"
    run("cc", "-std=c99", *STRICT, "-g", HERE / "self_traced.c", *options, "-o", program)
    check_self_traced(program, prefix, folder, environment)
    options = run("pkg-config", "--cflags", "--libs", "mtrace", "mtrace_rt", environment=found).split()
    program = folder / "both"
    run(arguments.compiler, "-std=c++17", *STRICT, HERE / "both.cpp", *options, "-o", program)
    check_both(program, folder, environment)


def check_self_traced(program, prefix, folder, environment=None):
    snapshot = folder / "self_traced.zst"
    printed = run(program, snapshot, environment=environment)
    expect(int(printed) == 12345, f"it traced {printed} bytes, not 12345")
    top = run(prefix / "bin" / "mtrace", "top", "--format=csv", snapshot)
    expect("\n1,12345,1,12345,/" in top, f"mtrace top does not find its block:\n{top}")
    lines = (HERE / "self_traced.c").read_text().splitlines()
    line = 1 + next(number for number, text in enumerate(lines) if "malloc(12345)" in text)
    expect(f"self_traced.c,{line},main," in top, f"mtrace top does not find its line:\n{top}")


def check_both(program, folder, environment=None):
    printed = run(program, folder / "both.zst", environment=environment)
    expect(printed == "1 block of 54321 bytes in keep\n", f"the program with both libraries printed {printed!r}")


def check_headers(arguments, prefix, folder):
    """Each public header compiles alone, and twice over, beside glibc's own mtrace, without the
    project's own options; and all of them together in the newer standards of C++."""
    headers = sorted((prefix / "include" / "mtrace").glob("*.h*"))
    expect(headers, "no public header was installed")
    cases = [(headers, "c++", "c++20"), (headers, "c++", "c++2b")]
    for header in headers:
        cases.append(([header], "c++", "c++17"))
        if header.suffix == ".h":
            cases += [([header], "c", standard) for standard in ("c99", "c11", "c17", "c2x")]
    source = folder / "header"
    for included, language, standard in cases:
        text = "".join(f'#include "mtrace/{header.name}"\n' for header in included)
        source.write_text(text * 2 + "#include <mcheck.h>\n")
        compiler = arguments.compiler if language == "c++" else "cc"
        options = ("-x", language, f"-std={standard}", *STRICT, "-fsyntax-only")
        run(compiler, *options, f"-I{prefix / 'include'}", source)


def exports_of(library):
    """Lines as nm has them: the kind, and the name with its version, if it has one."""
    lines = run("nm", "-DC", "--defined-only", "--with-symbol-versions", library).splitlines()
    expect(lines, f"{library} exports nothing")
    return [line.split(maxsplit=1)[1] for line in lines]


def check_exports(prefix):
    """The library exports nothing but what its headers declare: in namespace memtrace, and for C."""
    headers = "".join(path.read_text() for path in (prefix / "include" / "mtrace").glob("*.h*"))
    declared = set(re.findall(r"\w+", headers))
    library = next(prefix.rglob("libmtrace.so"))
    for line in exports_of(library):
        symbol = line[2:]
        if line.startswith("A "):  # the version itself
            continue
        function = re.match(r"T (mtrace_\w+)@", line)
        if function and function[1] in declared:
            continue
        match = re.match(r"(?:(?:vtable|typeinfo|typeinfo name) for )?memtrace::([~\w:]+)", symbol)
        expect(match, f"{library.name} exports {symbol}, which is not memtrace's")
        for word in re.findall(r"\w+", match[1]):
            expect(word in declared, f"{library.name} exports {symbol}, which no header declares")


def check_symbol_lists(arguments, prefix):
    """What a program that is linked with a library may ask for, by name: no more, no less."""
    for name in ("libmtrace", "libmtrace_rt"):
        library = next(prefix.rglob(f"{name}.so"), None)
        if library is None:
            continue
        # Weak ones are inline functions and the like, which a program has itself; which of them a
        # library has too is up to the compiler.
        exported = {line for line in exports_of(library) if line[0] not in "WVu"}
        path = HERE / "abi" / f"{name}.symbols"
        if arguments.update:
            path.write_text("\n".join(sorted(exported)) + "\n")
        listed = set(path.read_text().splitlines())
        expect(exported == listed, f"{library.name} exports, and {path.name} does not list, {exported - listed}, and "
               f"lists {listed - exported}; where that is meant to be: --update")


def check_subproject(arguments, folder):
    """By add_subdirectory and by FetchContent, with warnings taken for errors."""
    for how in ("add_subdirectory", "FetchContent"):
        build = folder / how
        done = run(
            *(arguments.cmake, "-S", HERE / "subproject", "-B", build, "-G", "Ninja", "-Werror=dev"),
            f"-DMTRACE_SOURCE_DIR={arguments.source}",
            f"-DHOW={how}",
            f"-DCMAKE_CXX_COMPILER={arguments.compiler}",
            stderr=subprocess.STDOUT,
        )
        expect("Warning" not in done, f"a project that contains mtrace is warned:\n{done}")
        ctest = Path(arguments.cmake).with_name("ctest")
        listed = run(ctest, "--test-dir", build, "--show-only")
        expect("Total Tests: 0" in listed, f"a project that contains mtrace gets its tests:\n{listed}")
        scripts = "".join(path.read_text() for path in build.rglob("cmake_install.cmake"))
        expect("file(INSTALL" not in scripts, "a project that contains mtrace installs its files")
        run(arguments.cmake, "--build", build, "--target", "CMakeFiles/host.dir/host.cpp.o")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cmake", "compiler", "source", "build"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--update", action="store_true", help="write the lists of exported symbols anew")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-install-") as name:
        folder = Path(name)
        snapshots = write_snapshots(folder)
        prefix = installed_tree(arguments, folder)
        check_files(Path(arguments.source), prefix)
        check_command(prefix, snapshots)
        check_headers(arguments, prefix, folder)
        check_exports(prefix)
        check_symbol_lists(arguments, prefix)
        check_cmake_package(arguments, prefix, snapshots, folder)
        check_pkg_config(arguments, prefix, snapshots, folder)
        check_subproject(arguments, folder)


if __name__ == "__main__":
    main()
