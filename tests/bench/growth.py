#!/usr/bin/env python3
"""What a growth reporter costs a service, in Python and in C++, besides the tracing that it needs.

The same work is done with a reporter whose windows are far too short, and without one, in turn. The
difference of processor time, window by window, is what a window costs; its share of the usual windows
is what a service pays.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WINDOWS = (300, 60)
PYTHON = r"""
import collections, sys
import mtrace
mtrace.start(25)
units, every = int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else None
source = "".join(f"def f{i}(depth):\n    return f{(i * 7 + 1) % 2000}(depth - 1) if depth else bytearray(50 + {i % 100})\n" for i in range(2000))
functions = {}
exec(compile(source, "service.py", "exec"), functions)
alive = collections.deque(maxlen=100_000)
reporter = None if every is None else mtrace.report_growth(every=every, callback=lambda line: None)
for unit in range(units):
    for number in range(2000):
        for depth in range(0, 20, 4):
            alive.append(functions[f"f{number}"](depth))
if reporter:
    reporter.stop()
"""


def measured(command, environment):
    """Processor time and elapsed time of a run."""
    begin = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} exited with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - begin


def bench(name, command, environment, options):
    costs, shares = [], []
    measured(command, environment)
    for _ in range(options.pairs):
        without, _ = measured(command, environment)
        with_reporter, elapsed = measured([*command, str(options.every)], environment)
        windows = elapsed / options.every
        costs.append((with_reporter - without) / windows)
        shares.append((with_reporter - without) / without)
    cost = statistics.median(costs)
    usual = "  ".join(f"{max(0, cost) / every:8.3%}" for every in WINDOWS)
    share = statistics.median(shares)
    print(f"{name:8} {cost * 1000:11.1f} ms  {usual}  {share:15.1%}   {min(costs) * 1000:.1f} to {max(costs) * 1000:.1f} ms")
    return max(0, cost) / WINDOWS[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modules", required=True, help="the folder with the package mtrace")
    parser.add_argument("--service", required=True, help="growth_service")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--every", type=float, default=0.5, help="seconds of a window (0.5)")
    parser.add_argument("--units", type=int, default=200, help="of work; as many seconds, at a time, take 20 to 40 of them")
    options = parser.parse_args()
    print(f"a window costs, of one core, in {options.pairs} pairs of runs; and its share of a window of so many seconds")
    usual = "  ".join(f"{every:6} s" for every in WINDOWS)
    print(f"{'':8} {'a window':>14}  {usual}  {f'every {options.every} s':>15}   from, to")
    environment = {**os.environ, "PYTHONPATH": options.modules, "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "service_program.py"
        program.write_text(PYTHON)
        python = [sys.executable, str(program), str(options.units)]
        service = [options.service, str(options.units * 2)]
        worst = max(
            bench("Python", python, environment, options), bench("C++", service, environment, options)
        )
    return 0 if worst < 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
