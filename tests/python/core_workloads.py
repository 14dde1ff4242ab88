"""A program that is traced by tracemalloc or by mtrace, and says what is alive at which moments.

  core_workloads.py TRACER NFRAME WORKLOAD

prints one line a moment, JSON: [[domain, total_nframe, [[file, line], ...], size, count], ...], with the
tracers' own lines left out.
"""

import json
import os
import sys

TRACER, NFRAME, WORKLOAD = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if TRACER == "tracemalloc":
    import _tracemalloc as tracer
else:
    import _mtrace as tracer

moments = []


def moment():
    """What is alive: kept as it is, written when all is over."""
    moments.append((tracer._get_traces(), tracer.get_traced_memory()))


class Node:
    def __init__(self, value, children):
        self.value = value
        self.children = children


def containers():
    kept = [Node(i, (str(i), float(i), {"key": i})) for i in range(500)]
    moment()
    growing = []
    for i in range(3000):
        growing.append(bytes(i % 700))
    moment()
    del kept[::2], growing[::3]
    moment()
    return kept, growing


def recursion():
    def descend(depth, kept):
        kept.append(bytearray(100 + depth))
        return descend(depth - 1, kept) if depth else kept

    kept = [descend(60, []) for _ in range(3)]
    moment()
    return kept


def generators():
    def numbers(count):
        for i in range(count):
            yield {"i": i}

    def delegate(count):
        yield from numbers(count)

    running = delegate(100)
    kept = [next(running) for _ in range(50)]
    moment()
    kept += list(running)
    moment()
    return kept, running


def coroutines():
    import asyncio

    async def work(kept, i):
        await asyncio.sleep(0)
        kept.append([i] * 10)

    async def main(kept):
        await asyncio.gather(*(work(kept, i) for i in range(50)))
        moment()

    kept = []
    asyncio.run(main(kept))
    moment()
    return kept


def generated_code():
    kept = []
    for i in range(40):
        space = {}
        exec(compile(f"def f():\n    return [bytes(1000 + {i})]\nvalue = f()", f"<made {i}>", "exec"), space)
        kept.append(space["value"])
    moment()
    from collections import namedtuple

    kept.append([namedtuple(f"Made{i}", "a b c")(1, 2, 3) for i in range(10)])
    moment()
    return kept


def threads():
    import threading

    kept = []

    def work(number):
        kept.append([bytes(2000 + number) for _ in range(20)])

    for number in range(8):
        thread = threading.Thread(target=work, args=(number,))
        thread.start()
        thread.join()
    moment()
    return kept


def library():
    import ast
    import re

    data = json.loads(json.dumps([{"id": i, "name": f"n{i}", "values": [i, i * 1.5]} for i in range(400)]))
    moment()
    tree = ast.parse(open(json.__file__, encoding="utf-8").read())
    moment()
    patterns = [re.compile(rf"(?P<a>\w+{i})\s*=\s*(\d+|[a-f]{{2}})") for i in range(20)]
    moment()
    return data, tree, patterns


def collector():
    import gc

    def circle(i):
        node = Node(i, [])
        node.children.append(node)
        return node

    for i in range(2000):
        circle(i)
    moment()
    gc.collect()
    moment()


def main():
    workload = globals()[WORKLOAD]
    tracer.start(NFRAME)
    kept = workload()
    tracer.stop()
    for traces, memory in moments:
        rows = {}
        for domain, size, traceback, total in traces:
            key = (domain, total, traceback)
            rows[key] = tuple(a + b for a, b in zip(rows.get(key, (0, 0)), (size, 1)))
        lines = [
            [domain, total, [[os.path.basename(name), line] for name, line in traceback], *counters]
            for (domain, total, traceback), counters in sorted(rows.items())
        ]
        print(json.dumps([lines, list(memory)]))
    return kept


main()
