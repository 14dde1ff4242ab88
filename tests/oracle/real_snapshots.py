"""Snapshots of real work, traced in this process."""

import ast
import importlib
import inspect
import json
import sys
import threading
import tracemalloc

# Modules that nothing here needs, so that they can be imported afresh each time.
FRESH_MODULES = (
    "html.parser", "optparse", "difflib", "configparser", "statistics",
)  # fmt: skip


def imports():
    kept = []
    for name in FRESH_MODULES:
        top = name.partition(".")[0]
        for loaded in [m for m in sys.modules if m == top or m.startswith(top + ".")]:
            del sys.modules[loaded]
        kept.append(importlib.import_module(name))
    return kept


def syntax_trees():
    source = inspect.getsource(importlib)
    return ast.parse(source), compile(source, "a file,\nnamed \"oddly\".py", "exec")


def json_documents():
    rows = [{"id": i, "name": f"row {i}", "tags": [str(i)] * (i % 5)} for i in range(150)]
    return json.loads(json.dumps(rows)), json.dumps(rows)


def threads():
    kept = []

    def work(size):
        kept.append([bytes(size + i) for i in range(50)])

    workers = [threading.Thread(target=work, args=(100 * n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return kept


def recursion():
    def down(depth):
        return [bytearray(depth), down(depth - 1)] if depth else None

    def ping(depth):
        return [pong(depth - 1), "x" * depth] if depth else None

    def pong(depth):
        return {depth: ping(depth - 1)} if depth else None

    return down(60), ping(60)


def generated_code():
    kept = []
    for n in range(20):
        name = f"<generated {n % 7}>" if n % 3 else f"/tmp/écrit-\udc80-{n % 4}.pyc"
        namespace = {}
        exec(compile(f"def f():\n\n  return [str(i) * {n} for i in range(30)]", name, "exec"), namespace)
        kept.append((namespace, namespace["f"]()))
    return kept


WORKLOADS = (imports, syntax_trees, json_documents, threads, recursion, generated_code)


def real_pair(nframe):
    """(before, after): the second has all of the work, the first half of it."""
    tracemalloc.start(nframe)
    try:
        kept = [work() for work in WORKLOADS[::2]]
        before = tracemalloc.take_snapshot()
        kept[0] = None
        kept += [work() for work in WORKLOADS]
        after = tracemalloc.take_snapshot()
        return before, after
    finally:
        tracemalloc.stop()
