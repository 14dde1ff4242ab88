#!/usr/bin/env python3
"""Sampled runs of a program against an exact one: unbiased, and off by as much as they say.

    tests/runtime/sampling.py --mtrace PATH --program PATH

The bounds are six standard deviations: they fail by chance once in a hundred million times.
"""

import argparse
import concurrent.futures
import math
import sys
import tempfile

from tracing import Tracing

RUNS = 32
RATE = 16384
FUNCTIONS = ("keep_small", "keep_large", "free_at_once", "grow")
METRICS = ("live", "total")


class Tests(Tracing):
    def __init__(self, arguments, folder):
        super().__init__(arguments.mtrace, folder)
        self.program = arguments.program

    def path(self, number):
        return self.folder / f"{number}.zst"

    def estimates(self, number, *options):
        """{(metric, function, size or count): (value, standard error)} of one run."""
        self.run([self.program], *options, output=self.path(number)).check_returncode()
        found = {}
        for metric in METRICS:
            top = self.top("--group-by", "function", "--metric", metric, path=self.path(number))
            for statistic in top["statistics"]:
                errors = statistic.get("standard_error", {"size": None, "count": None})
                for what in ("size", "count"):
                    found[metric, statistic["traceback"][0]["function"], what] = statistic[what], errors[what]
        return found

    def check(self):
        exact = self.estimates("exact")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda number: self.estimates(number, f"--sample={RATE}"), range(RUNS)))
        squares, variances, near, estimates = 0.0, 0.0, 0, 0
        for metric in METRICS:
            for function in FUNCTIONS:
                for what in ("size", "count"):
                    key = metric, function, what
                    truth, no_error = exact.get(key, (0, None))
                    self.expect(no_error is None, f"{key}: an exact count has no error")
                    if truth == 0:
                        self.expect(all(run.get(key, (0, 0))[0] == 0 for run in runs), f"{key}: all of it is gone")
                        continue
                    found = [run[key] for run in runs]
                    off = [value - truth for value, _ in found]
                    variance = sum(error * error for _, error in found) / RUNS
                    bound = 6 * math.sqrt(variance / RUNS)
                    self.expect(abs(sum(off) / RUNS) < bound, f"{key}: {sum(off) / RUNS} off on average, of {truth}; bound {bound}")
                    squares += sum(one * one for one in off) / RUNS / variance
                    variances += 1
                    near += sum(abs(one) <= 2 * error for one, (_, error) in zip(off, found))
                    estimates += RUNS
        honesty, coverage = squares / variances, near / estimates
        print(f"{estimates} estimates: squared errors are {honesty:.2f} of the variances; {coverage:.3f} within two standard errors")
        self.expect(0.4 < honesty < 2.0, f"the standard errors are wrong: {honesty}")
        self.expect(coverage > 0.8, f"too far off too often: {coverage}")

    def check_shown(self):
        """People and programs are told that these are estimates, and how good."""
        table = self.execute(self.mtrace, "top", self.path(0)).stdout.decode()
        self.expect(f"sampled every {RATE // 1024}.0 KiB on average" in table and "±" in table, table)
        top = self.top(path=self.path(0))
        shown = [top["total"], *top["statistics"]]
        self.expect(all(one["standard_error"]["size"] > 0 < one["standard_error"]["count"] for one in shown), "JSON")
        self.expect(top["snapshot"]["sampling_rate"] == RATE, top["snapshot"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", required=True)
    with tempfile.TemporaryDirectory(prefix="mtrace-sampling-") as folder:
        tests = Tests(parser.parse_args(), folder)
        return tests.status(tests.check, tests.check_shown)


if __name__ == "__main__":
    sys.exit(main())
