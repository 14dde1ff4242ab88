#!/usr/bin/env python3
"""Who serves malloc and operator new: programs and libraries that take their addresses, define them, or bring their own.

    tests/runtime/interposition.py --mtrace PATH --runtime PATH

Each combination prints the same traced and untraced, and every block that can be seen is counted once.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tracing import Tracing

PROGRAMS = Path(__file__).with_name("programs")
FORMS = "every_form.cpp"
SHARED = ("-shared", "-fPIC")
# Function: (blocks that it keeps, bytes that it asked for).
C_FORMS = {
    "by_malloc": (1, 101), "by_calloc": (1, 102), "by_realloc": (1, 103), "by_aligned_alloc": (1, 128),
    "by_posix_memalign": (1, 105),
}  # fmt: skip
OPERATORS = {
    "by_new": (1, 106), "by_new_array": (1, 107), "by_new_nothrow": (2, 217), "by_new_aligned": (2, 221),
    "by_new_after_failure": (1, 112),
}  # fmt: skip
ALL = C_FORMS | OPERATORS
# What the C++ library makes of it where its operator is in the program: malloc's hooks see no other.
ROUNDED = {"by_new_aligned": (2, 256)}
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
# The archive of an allocator, and what else it takes to link it.
STATIC_ALLOCATORS = {"libjemalloc.a": "-lm", "libtcmalloc_minimal.a": "", "libmimalloc.a": ""}


class Combinations:
    def __init__(self, tracer, runtime):
        self.tracer, self.runtime, self.folder = tracer, runtime, tracer.folder

    def build(self, name, *words, language="c++"):
        """Words that name one of the programs stand for its path. The result is `name` in the folder."""
        words = [str(PROGRAMS / word) if (PROGRAMS / word).suffix and (PROGRAMS / word).exists() else word for word in words]
        compiler = ["g++", "-std=c++20", "-fsized-deallocation"] if language == "c++" else ["gcc"]
        flags = ["-O1", "-g", "-w", "-fno-builtin", "-pthread", f"-L{self.folder}", f"-Wl,-rpath,{self.folder}"]
        done = self.tracer.execute(*compiler, *flags, *words, "-o", self.folder / name, "-ldl")
        self.tracer.expect(done.returncode == 0, f"{name} cannot be built: {done.stderr.decode()}")
        return self.folder / name

    def kept(self, metric="live"):
        kept = {}
        for statistic in self.tracer.top("--group-by", "traceback", "--metric", metric)["statistics"]:
            for frame in statistic["traceback"]:
                if frame["function"] in ALL:
                    count, size = kept.get(frame["function"], (0, 0))
                    kept[frame["function"]] = count + statistic["count"], size + statistic["size"]
        return kept

    def check(self, what, command, expected, in_front=0, environment=None, options=()):
        """`in_front`: bytes that an operator of the program's own adds to each block."""
        usual = self.tracer.execute(*command, env=environment)
        traced = self.tracer.run(command, *options, env=environment)
        self.compare(what, usual, traced, expected, in_front)

    def compare(self, what, usual, traced, expected, in_front=0):
        same = (usual.returncode, usual.stdout) == (traced.returncode, traced.stdout)
        self.tracer.expect(same and usual.returncode == 0, f"{what}: {traced}, untraced {usual}")
        if expected is None or not self.tracer.snapshot.exists():
            return
        wanted = dict(expected)
        for name, (count, size) in wanted.items():
            if name in OPERATORS and name != "by_new_aligned":
                wanted[name] = count, size + count * in_front
        found = self.kept()
        wrong = {name: (found.get(name), wanted.get(name)) for name in ALL if found.get(name) != wanted.get(name)}
        self.tracer.expect(not wrong, f"{what}: found, and wanted: {wrong}")
        losses = self.tracer.top()["snapshot"]["losses"]
        self.tracer.expect(losses["dropped_blocks"] == 0, f"{what}: {losses}")
        # What is thrown inside of somebody else's operator is not seen, but its release is.
        self.tracer.expect(losses["unknown_frees"] in (0, 3 if what.startswith(("lib", "wrapped")) else 0), f"{what}: {losses}")
        self.tracer.snapshot.unlink()

    # --- the program ---

    def kinds_of_programs(self):
        for name, flags in {
            "pie": ("-fPIE", "-pie"),
            "not_pie": ("-fno-pie", "-no-pie"),
            "not_pie_now": ("-fno-pie", "-no-pie", "-Wl,-z,now"),
            "not_pie_old_hash": ("-fno-pie", "-no-pie", "-Wl,--hash-style=sysv"),
            "static_cpp_library": ("-static-libstdc++", "-static-libgcc"),
            "static_cpp_library_not_pie": ("-fno-pie", "-no-pie", "-static-libstdc++"),
            "exports_everything": ("-static-libstdc++", "-rdynamic"),
        }.items():
            program = self.build(name, "-DPROGRAM", *flags, FORMS)
            self.check(name, [program], ALL | (ROUNDED if "-static-libstdc++" in flags else {}))

    def allocators_in_the_program(self):
        for pie in ("-pie", "-no-pie"):
            flags = ("-fPIE",) if pie == "-pie" else ("-fno-pie",)
            header = self.build("header" + pie, "-DPROGRAM", "-DHEADER", *flags, pie, FORMS, "own_operators.cpp")
            self.check("operators with a header" + pie, [header], ALL | ROUNDED, in_front=16)
            arena = self.build("arena" + pie, "-DPROGRAM", "-DARENA", *flags, pie, FORMS, "own_operators.cpp")
            self.check("operators on an arena" + pie, [arena], C_FORMS | ROUNDED)
            own = self.own_malloc_object()
            program = self.build("malloc" + pie, "-DPROGRAM", *flags, pie, FORMS, own)
            self.check("a malloc of its own" + pie, [program], None)

    def own_malloc_object(self):
        return self.build("own_malloc.o", "-c", "-fPIC", "own_malloc.c", language="c")

    def wrappers(self):
        """A program that passes on what it is asked for is seen all the same."""
        for pie in ("-pie", "-no-pie"):
            wrapper = self.build("wrapper.o", "-c", "-fPIC", "wrapped_malloc.c", language="c")
            program = self.build("wrapped" + pie, "-DPROGRAM", pie, FORMS, wrapper)
            self.check("wrapped" + pie, [program], ALL)

    def allocators_that_call_back(self):
        """Each block is counted once, also while blocks are sampled: so often that all of them are."""
        self.build("libback.so", *SHARED, "-DCALLS_BACK", "own_malloc.c", language="c")
        program = self.build("back", "-DPROGRAM", FORMS, "-Wl,--no-as-needed", "-lback")
        usual = self.tracer.execute(program)
        exact = self.tracer.run([program])
        totals = self.kept("total")
        self.compare("calls back", usual, exact, ALL)
        sampled = self.tracer.run([program], "--sample", "1")
        self.tracer.expect(self.kept("total") == totals, f"calls back: {self.kept('total')}, not {totals}")
        self.compare("calls back, sampled", usual, sampled, ALL)

    def static_allocators(self):
        for archive, more in STATIC_ALLOCATORS.items():
            path = f"{LIBRARIES}/{archive}"
            if not os.path.exists(path):
                continue
            words = ("-Wl,--whole-archive", path, "-Wl,--no-whole-archive", *more.split())
            self.check(archive, [self.build(archive + ".program", "-DPROGRAM", FORMS, *words)], None)

    # --- libraries ---

    def allocators_in_libraries(self):
        own = self.own_malloc_object()
        library = self.build("libown.so", *SHARED, own, language="c")
        (self.folder / "other.map").write_text("OTHER_1 { global: *; };\n")
        other = self.build("libother.so", *SHARED, own, f"-Wl,--version-script={self.folder}/other.map", language="c")
        for pie in ("-pie", "-no-pie"):
            plain = self.build("plain" + pie, "-DPROGRAM", *(("-fno-pie",) if pie == "-no-pie" else ()), pie, FORMS)
            linked = self.build("linked" + pie, "-DPROGRAM", pie, FORMS, "-Wl,--no-as-needed", "-lown")
            versioned = self.build("versioned" + pie, "-DPROGRAM", pie, FORMS, "-Wl,--no-as-needed", "-lother")
            self.check("linked" + pie, [linked], ALL)
            # What was linked while malloc had another version asks for the C library's.
            self.check("behind" + pie, ["env", f"LD_PRELOAD={library}", plain], ALL)
            self.check("another version" + pie, ["env", f"LD_PRELOAD={other}", plain], ALL)
            self.check("linked with another version" + pie, [versioned], None)
            in_front = {**os.environ, "MTRACE": f"32,output={self.tracer.snapshot}", "LD_PRELOAD": f"{library}:{self.runtime}"}
            usual = self.tracer.execute(plain, env={**os.environ, "LD_PRELOAD": str(library)})
            self.compare("in front" + pie, usual, self.tracer.execute(plain, env=in_front), OPERATORS)

    def operators_in_libraries(self):
        for kind, expected, more in (("HEADER", ALL, 0), ("ARENA", ALL, 0)):
            for binding in ("", "-Wl,-Bsymbolic", "-Wl,-Bsymbolic-functions"):
                name = f"lib{kind.lower()}{binding.replace('-Wl,', '')}.so"
                self.build(name, *SHARED, f"-D{kind}", binding or "-O1", "own_operators.cpp")
                words = ("-Wl,--no-as-needed", f"-l:{name}")
                for pie in ("-pie", "-no-pie"):
                    program = self.build("uses" + name + pie, "-DPROGRAM", pie, FORMS, *words)
                    self.check(f"{name} {pie}", [program], expected, in_front=more)
                    sampled = self.tracer.run([program], "--sample", "1")
                    self.compare(f"{name} {pie} sampled", self.tracer.execute(program), sampled, expected)

    def symbolic_libraries(self):
        for binding in ("-Wl,-Bsymbolic", "-Wl,-Bsymbolic-functions"):
            name = f"libforms{binding.replace('-Wl,', '')}.so"
            self.build(name, *SHARED, binding, FORMS)
            main = self.folder / "calls.c"
            main.write_text("void every_form(void); int main(void) { every_form(); return 0; }\n")
            program = self.build("calls" + name, main, "-no-pie", f"-l:{name}", language="c")
            self.check(name, [program], ALL)
            both = f"libboth{binding.replace('-Wl,', '')}.so"
            self.build(both, *SHARED, binding, "-DHEADER", FORMS, "own_operators.cpp")
            program = self.build("calls" + both, main, f"-l:{both}", language="c")
            self.check(both, [program], None)

    def loaded_libraries(self):
        program = self.build("loads", "loads_forms.c", language="c")
        for name, flags in {
            "forms.so": (),
            "forms_static.so": ("-static-libstdc++", "-static-libgcc"),
            "forms_static_symbolic.so": ("-static-libstdc++", "-static-libgcc", "-Wl,-Bsymbolic"),
            "forms_static_hidden.so": ("-static-libstdc++", "-static-libgcc", "-Wl,--exclude-libs,ALL"),
        }.items():
            library = self.build(name, *SHARED, *flags, FORMS)
            for how in ("open", "global"):
                expected = ALL | (ROUNDED if name in ("forms_static_symbolic.so", "forms_static_hidden.so") else {})
                self.check(f"{name} {how}", [program, how, library], expected)
            # A namespace has a C library of its own, which the tracer does not stand in front of.
            self.check(f"{name} namespace", [program, "namespace", library], {})

    def constructors(self):
        self.build("libearly.so", *SHARED, "early_constructor.c", language="c")
        words = ("-Wl,--no-as-needed", "-learly")
        for pie in ("-pie", "-no-pie"):
            program = self.build("early" + pie, "-DPROGRAM", pie, FORMS, *words)
            self.check("early" + pie, [program], ALL)
            linked = self.build("never_started" + pie, "-DPROGRAM", pie, FORMS, "-Wl,--no-as-needed", self.runtime, "-learly",
                                f"-Wl,-rpath,{os.path.dirname(self.runtime)}")  # fmt: skip
            self.compare("never started" + pie, self.tracer.execute(program), self.tracer.execute(linked), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--runtime", required=True)
    parser.add_argument("only", nargs="*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-interposition-") as folder:
        tracer = Tracing(arguments.mtrace, folder)
        combinations = Combinations(tracer, arguments.runtime)
        checks = (
            combinations.kinds_of_programs, combinations.allocators_in_the_program, combinations.static_allocators,
            combinations.wrappers, combinations.allocators_that_call_back,
            combinations.allocators_in_libraries, combinations.operators_in_libraries, combinations.symbolic_libraries,
            combinations.loaded_libraries, combinations.constructors,
        )  # fmt: skip
        return tracer.status(*(check for check in checks if not arguments.only or check.__name__ in arguments.only))


if __name__ == "__main__":
    sys.exit(main())
