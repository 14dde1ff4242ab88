"""Snapshots as files, in every form that a dump can have."""

import gzip
import io
import pickle
import pickletools
import subprocess
import tracemalloc

PICKLERS = ("C", "Python", "optimized")
PROTOCOLS = (2, 3, 4, 5)
ENCODINGS = ("plain", "gzip", "zstd")


def pickled(snapshot, protocol=5, pickler="C"):
    if pickler == "Python":
        buffer = io.BytesIO()
        pickle._Pickler(buffer, protocol).dump(snapshot)
        return buffer.getvalue()
    data = pickle.dumps(snapshot, protocol)
    return pickletools.optimize(data) if pickler == "optimized" else data


def with_three_fields(snapshot):
    """As Python 3.6 to 3.8 have it: a trace without the number of all frames."""
    traces = [trace[:3] for trace in snapshot.traces._traces]
    return tracemalloc.Snapshot(traces, snapshot.traceback_limit)


def encoded(data, encoding):
    if encoding == "gzip":
        return gzip.compress(data, 1, mtime=0)
    if encoding == "zstd":
        return subprocess.run(["zstd", "-1", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def random_form(rng, snapshot):
    """(a description, the file's content)"""
    protocol, encoding = rng.choice(PROTOCOLS), rng.choice(ENCODINGS)
    pickler = rng.choice(PICKLERS) if len(snapshot.traces) < 500 else "C"
    fields = rng.choice((3, 4))
    if fields == 3:
        snapshot = with_three_fields(snapshot)
    data = encoded(pickled(snapshot, protocol, pickler), encoding)
    return f"protocol {protocol}, {pickler} pickler, {fields} fields, {encoding}", data
