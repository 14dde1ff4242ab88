#!/usr/bin/env python3
"""Programs whose code lies somewhere else than the loader has put it: their frames have names all the same.

    tests/runtime/copied_text.py --mtrace PATH --program PATH --program PATH...
"""

import argparse
import re
import sys
import tempfile

from tracing import Tracing

# function that allocates: (bytes, blocks), and who calls it
KNOWN = {
    "allocate_mapped_again": (1000, 10, "call_mapped_again"),
    "allocate_moved": (2000, 1, "call_moved"),
    "allocate_copied": (30, 1, "call_copied"),
}


def check_names(tracer, program):
    outcome = tracer.run([program], "--nframe", "16")
    tracer.expect((outcome.returncode, outcome.stdout) == (0, b"done\n"), f"{program}: {outcome}")
    found = {}
    for statistic in tracer.top("--group-by", "traceback")["statistics"]:
        names = [(frame["function"] or "").rpartition("::")[2] for frame in reversed(statistic["traceback"])]
        if names[0] in KNOWN:
            tracer.expect("main" in names, f"{program}: not from main: {names}")
            found[names[0]] = statistic["size"], statistic["count"], names[1]
    tracer.expect(found == KNOWN, f"{program}: {found}")
    # The program is one module, with its build id.
    modules = re.findall(r'^module (.*)$', tracer.execute(tracer.mtrace, "info", "--dump", tracer.snapshot).stdout.decode(), re.M)
    own = [module for module in modules if program in module]
    tracer.expect(len(own) <= 1 and all(re.search("[0-9a-f]{16}", module) for module in own), f"{program}: {own}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", action="append", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-copied-text-") as folder:
        tracer = Tracing(arguments.mtrace, folder)

        def names():
            for program in arguments.program:
                check_names(tracer, program)

        return tracer.status(names)


if __name__ == "__main__":
    sys.exit(main())
