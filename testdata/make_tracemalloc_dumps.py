#!/usr/bin/env python3
"""Makes testdata/tracemalloc: dumps of a small program by several versions of Python.

    testdata/make_tracemalloc_dumps.py FOLDER PYTHON...

Each PYTHON runs the same program under its own tracemalloc and dumps it, as pythonX.Y.pickle. Then
this Python, which must not be older than 3.9, pickles one snapshot in every other way that there is:
protocols 2 to 5, by pickle's two implementations, optimized, compressed. The folder's files may
differ a little from run to run, as what Python itself allocates does; the tests rely on their shapes
and on the blocks of the program named below, which are always the same.
"""

import gzip
import io
import pathlib
import pickle
import pickletools
import subprocess
import sys
import tracemalloc

# Runs in the Python whose dump is wanted; sys.argv[1] is the file to write. All of the program's
# file names are made up, so that the dumps say nothing about where they were made. It runs in a
# thread of its own, which has no frames of anybody else. Works on Python 3.6.
PROGRAM = r'''
import _thread, sys, time, tracemalloc

WORKER = """
import deeper
kept = []
def fill(count):
    for number in range(count):
        kept.append(bytearray(1000))
        kept.append("row %d" % number)
def recurse(depth):
    if depth:
        recurse(depth - 1)
    else:
        kept.append(bytearray(50000))
def run():
    fill(20)
    recurse(2)
    recurse(9)
    deeper.grow(kept)
"""

DEEPER = """
def grow(kept):
    kept.append({number: str(number) for number in range(30)})
    kept.append([bytes(300 + number) for number in range(10)])
"""

def module(name, filename, source):
    made = type(sys)(name)
    sys.modules[name] = made
    exec(compile(source, filename, "exec"), made.__dict__)
    return made

MAIN = """
import worker
finished = []
def main():
    worker.run()
    finished.append(True)
"""

module("deeper", "/srv/app/d\xe9p\xf4t/deeper.py", DEEPER)
module("worker", "/srv/app/worker.py", WORKER)
main = module("main", "/srv/app/main.py", MAIN)

tracemalloc.start(5)
_thread.start_new_thread(main.main, ())
while not main.finished:
    time.sleep(0.01)
snapshot = tracemalloc.take_snapshot()
tracemalloc.stop()
filters = [tracemalloc.Filter(True, "/srv/app/*")]
snapshot.filter_traces(filters).dump(sys.argv[1])
'''


def dump_of(python, folder):
    version = subprocess.check_output(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True).strip()
    path = folder / f"python{version}.pickle"
    subprocess.check_call([python, "-I", "-X", "utf8", "-c", PROGRAM, str(path)], cwd="/")
    return path


def pickled(snapshot, protocol, pickler):
    file = io.BytesIO()
    pickler(file, protocol).dump(snapshot)
    return file.getvalue()


def write_variants(snapshot, folder):
    picklers = {"c": pickle.Pickler, "python": pickle._Pickler}
    for protocol in range(2, 6):
        for name, pickler in picklers.items():
            data = pickled(snapshot, protocol, pickler)
            (folder / f"protocol{protocol}-{name}.pickle").write_bytes(data)
        (folder / f"protocol{protocol}-optimized.pickle").write_bytes(pickletools.optimize(data))
    tuple_of_traces = tracemalloc.Snapshot(tuple(snapshot.traces._traces), snapshot.traceback_limit)
    (folder / "tuple-of-traces.pickle").write_bytes(pickled(tuple_of_traces, 4, pickle.Pickler))
    (folder / "dump.pickle.gz").write_bytes(gzip.compress(data, mtime=0))
    zstd = subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True)
    (folder / "dump.pickle.zst").write_bytes(zstd.stdout)


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    dumps = [dump_of(python, folder) for python in sys.argv[2:]]
    # Any dump with traces of four items will do.
    newest = max(dumps, key=lambda path: tuple(map(int, path.stem[len("python"):].split("."))))
    with newest.open("rb") as file:
        write_variants(pickle.load(file), folder)


if __name__ == "__main__":
    main()
