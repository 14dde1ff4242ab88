#!/usr/bin/env python3
"""Makes testdata/readme: the two snapshots that the README and the man pages look at.

    testdata/make_readme_snapshots.py [PYTHON]

Runs the demo's program under PYTHON (default: /usr/bin/python3) and keeps its snapshots in gzip. The
program's own file names become relative to its folder, so that the snapshots say nothing about where
they were made. The figures differ a little from run to run, so after this comes
`tests/docs/run_examples.py --update`.
"""

import gzip
import os
import pathlib
import pickle
import subprocess
import sys
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
    python = sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/python3"
    environment = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath}
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-s", "-X", "utf8", str(PROGRAM / "worker.py"), "300", "1000", folder]
        subprocess.run(command, env=environment, check=True)
        for name in NAMES:
            snapshot = pickle.loads((pathlib.Path(folder) / name).read_bytes())
            rename_files(snapshot)
            dump = pickle.dumps(snapshot, pickle.HIGHEST_PROTOCOL)
            (FOLDER / f"{name}.gz").write_bytes(gzip.compress(dump, mtime=0))


if __name__ == "__main__":
    main()
