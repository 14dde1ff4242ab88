#!/usr/bin/python3
"""What tracing Python costs: each program untraced, under mtrace and under tracemalloc, turn by turn.

Each round runs every variant once; shown are medians of processor seconds, of each round's ratio to the untraced run,
and of resident memory. Programs whose libraries are not installed are left out.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Name: (largest ratio for 25 frames, and of resident memory; what it needs)
WORKLOADS = {
    "calls": (2.0, None, "json"),
    "live": (2.5, 1.5, "json"),
    "syntax": (1.6, None, "ast"),
    "documents": (1.6, None, "json"),
    "schema": (1.6, None, "jsonschema"),
    "template": (1.6, None, "jinja2"),
}


def run(module_folder, *words):
    environment = {**os.environ, "PYTHONPATH": str(module_folder), "PYTHONHASHSEED": "0"}
    done = subprocess.run([sys.executable, HERE / "python_workloads.py", *map(str, words)], env=environment,
                          check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def measure(options, name):
    goal, memory_goal, _ = WORKLOADS[name]
    tracers = ["mtrace"] if options.alone else ["mtrace", "tracemalloc"]
    kinds = [("none", 1)] + [(tracer, frames) for frames in options.frames for tracer in tracers]
    kinds.append(("sampling", 25))
    costs = {kind: [] for kind in kinds}
    for _ in range(options.rounds):
        for kind in kinds:
            costs[kind].append(run(options.modules, name, *kind))
    base = costs["none", 1]
    for kind, own in costs.items():
        seconds, memory = (statistics.median(column) for column in zip(*own))
        ratio = statistics.median(a[0] / b[0] for a, b in zip(own, base))
        growth = statistics.median(a[1] / b[1] for a, b in zip(own, base))
        goals = {("mtrace", 25): f"   goals {goal}" + (f" {memory_goal}" if memory_goal else ""),
                 ("sampling", 25): "   goal 1.05"}.get(kind, "")
        label = "untraced" if kind[0] == "none" else f"{kind[0]} {kind[1]}"
        print(f"{name:10} {label:15} {seconds:7.2f} s {ratio:6.2f}x {memory / 1024:8.0f} MiB {growth:5.2f}x{goals}",
              flush=True)


def measure_snapshots(options):
    with tempfile.TemporaryDirectory() as folder:
        for frames in options.frames:
            costs = {}
            for tracer in ("mtrace", "tracemalloc"):
                rounds = [run(options.modules, "snapshot", tracer, frames, Path(folder) / "file")
                          for _ in range(options.rounds if tracer == "mtrace" else 1)]
                costs[tracer] = [statistics.median(column) for column in zip(*rounds)]
                seconds, grown = costs[tracer]
                print(f"snapshot   {tracer + ' ' + str(frames):15} {seconds * 1000:9.1f} ms, grew by {grown / 1024:.0f} MiB")
            print(f"snapshot   {costs['tracemalloc'][0] / costs['mtrace'][0]:.0f} times faster   goal 100", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", required=True, help="the folder of the extension module")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, nargs="*", default=[1, 10, 25])
    parser.add_argument("--alone", action="store_true", help="without tracemalloc, which takes most of the time")
    parser.add_argument("workload", nargs="*", help=f"only these: {', '.join(WORKLOADS)}, snapshot")
    options = parser.parse_args()
    for name, (_, _, library) in WORKLOADS.items():
        if options.workload and name not in options.workload:
            continue
        if importlib.util.find_spec(library) is None:
            print(f"{name:10} {library} is not there: left out", file=sys.stderr)
            continue
        measure(options, name)
    if not options.workload or "snapshot" in options.workload:
        measure_snapshots(options)


if __name__ == "__main__":
    main()
