"""Writes tracemalloc dumps of many live blocks: make_dumps.py FOLDER BLOCKS FRAMES.

`before-FRAMES.pickle` and `after-FRAMES.pickle`: blocks of 20,000 tracebacks in 500 files, most blocks
in few of them, as in real programs. Equal tracebacks are one object, as tracemalloc itself makes them.
"""
import random
import sys
import tracemalloc

TRACEBACKS = 20_000
FILES = 500


def make_tracebacks(generator, frames):
    names = [f"/srv/app/package{i % 40}/module{i}.py" for i in range(FILES)]
    tracebacks = []
    path = [(names[0], 1)] * frames
    for _ in range(TRACEBACKS):
        depth = min(frames - 1, int(generator.expovariate(0.35)))  # most recent first
        path = [(generator.choice(names), generator.randrange(1, 900)) for _ in range(depth + 1)] + path[depth + 1 :]
        tracebacks.append(tuple(path))
    return tracebacks


def make_traces(generator, tracebacks, blocks, frames):
    weights = [1 / (rank + 10) for rank in range(len(tracebacks))]
    chosen = generator.choices(tracebacks, weights, k=blocks)
    return [(0, 28 + int(generator.expovariate(0.01)), traceback, frames) for traceback in chosen]


def main():
    folder, blocks, frames = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    generator = random.Random(frames)
    tracebacks = make_tracebacks(generator, frames)
    for name, share in (("before", 0.9), ("after", 1.0)):
        traces = make_traces(generator, tracebacks, int(blocks * share), frames)
        tracemalloc.Snapshot(traces, frames).dump(f"{folder}/{name}-{frames}.pickle")


main()
