"""A program that is traced by tracemalloc or by mtrace, and says what was alive at which moments.

  core_workloads.py tracemalloc|mtrace NFRAME WORKLOAD

prints a line a moment, JSON: [[[domain, total_nframe, [[file, line], ...], size, count], ...], [current, peak]].
"""

import gc
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


class Slotted:
    __slots__ = ("name", "value")


def blocks():
    kept = [b"x" * (100 + i) for i in range(500)]
    named = [Slotted() for _ in range(300)]
    for i, item in enumerate(named):
        item.name = f"name {i}"
    moment()
    growing = bytearray()
    for _ in range(3000):
        growing += b"0123456789"
    sets = [set(range(i)) for i in range(40)]
    moment()
    del kept[::2], named[::3], growing[100:]
    moment()
    return kept, named, growing, sets


def recursion():
    def descend(depth, kept):
        kept.append(bytearray(100 + depth))
        return descend(depth - 1, kept) if depth else kept

    kept = [descend(80, []) for _ in range(3)]
    moment()
    return kept


def turns():
    """Stacks that differ only far from where they allocate, and generators that are stopped before they run."""
    kept = []

    def leaf(size):
        kept.append(bytes(size))

    def branch(size):
        leaf(size)

    def stem(size):
        branch(size)

    def root(size):
        if size % 4 == 0:
            stem(1000)
        elif size % 4 == 1:
            stem(2000)
        elif size % 4 == 2:
            stem(3000)
        else:
            stem(4000)

    def stopped():
        yield

    for i in range(200):
        root(i)
        try:
            stopped().throw(ValueError())
        except ValueError as error:
            kept.append(error)
    moment()
    return kept


def generators():
    def numbers(count):
        for i in range(count):
            yield b"x" * (1000 + i)

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
        made = b"x" * (2000 + i)
        kept.append(made)

    async def main(kept):
        await asyncio.gather(*(work(kept, i) for i in range(50)))
        moment()

    kept = []
    asyncio.run(main(kept))
    moment()
    return kept


def threads():
    import threading

    kept = []

    def work(number):
        kept.append([b"x" * (2000 + number) for _ in range(20)])

    for number in range(8):
        thread = threading.Thread(target=work, args=(number,))
        thread.start()
        thread.join()
    moment()
    return kept


def cells():
    def outer(i):
        name, size = str(i) * 100, 3000 + i

        def inner():
            made = b"x" * size
            return name, made

        return inner

    kept = [outer(i) for i in range(100)]
    made = [function() for function in kept]
    moment()
    return kept, made


def library():
    import ast
    import re

    data = json.loads(json.dumps([{"id": i, "name": f"n{i}", "values": [i, i * 1.5]} for i in range(400)]))
    moment()
    with open(json.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    moment()
    patterns = [re.compile(rf"(?P<a>\w+{i})\s*=\s*(\d+|[a-f]{{2}})") for i in range(20)]
    moment()
    return data, tree, patterns


def main():
    workload = globals()[WORKLOAD]
    gc.disable()  # when it comes depends on how many objects the tracer itself makes
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
