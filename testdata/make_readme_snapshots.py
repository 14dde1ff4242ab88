#!/usr/bin/env python3
"""Makes testdata/readme: the snapshots that the README and the manual pages look at.

    testdata/make_readme_snapshots.py --mtrace PATH [--python PATH]

Runs the demo's program under a Python and keeps its two snapshots in gzip, and the second one also in
mtrace's own format (so that its size does not depend on the zstd library that is there). The
program's own file names become relative to its folder, so that the snapshots say nothing about where
they were made. The figures differ a little from run to run, so after this comes
`tests/docs/run_examples.py --update`.
"""

import argparse
import gzip
import os
import pathlib
import pickle
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "tests" / "demo"
FOLDER = ROOT / "testdata" / "readme"
NAMES = ("before.pickle", "after.pickle")


def relative(filename):
    return os.path.relpath(filename, PROGRAM) if filename.startswith(f"{PROGRAM}/") else filename


def rename_files(snapshot):
    """Equal tracebacks stay one object, as in a snapshot that Python takes: the dump refers to it."""
    renamed = {}

    def frames_of(frames):
        if frames not in renamed:
            renamed[frames] = tuple((relative(filename), lineno) for filename, lineno in frames)
        return renamed[frames]

    traces = snapshot.traces._traces
    traces[:] = [(domain, size, frames_of(frames), *rest) for domain, size, frames, *rest in traces]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True, help="the command to convert with")
    parser.add_argument("--python", default="/usr/bin/python3", help="what to run the program with")
    arguments = parser.parse_args()
    environment = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath}
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [arguments.python, "-s", "-X", "utf8", str(PROGRAM / "worker.py"), "300", "1000", folder]
        subprocess.run(command, env=environment, check=True)
        for name in NAMES:
            snapshot = pickle.loads((pathlib.Path(folder) / name).read_bytes())
            rename_files(snapshot)
            dump = pickle.dumps(snapshot, pickle.HIGHEST_PROTOCOL)
            (FOLDER / f"{name}.gz").write_bytes(gzip.compress(dump, mtime=0))
    packed, converted = FOLDER / "after.pickle.gz", FOLDER / "after.zst"
    subprocess.run([arguments.mtrace, "convert", packed, "-o", converted], check=True)


if __name__ == "__main__":
    main()
