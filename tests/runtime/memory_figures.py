#!/usr/bin/env python3
"""What snapshots say of memory that no line explains: resident, held by the allocator, and how that develops.

    tests/runtime/memory_figures.py --mtrace PATH --program PATH
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tracing import Tracing

MEBI = 1 << 20
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
ALLOCATORS = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2.0"}


class ProcessMemory:
    def __init__(self, tracer, program):
        self.tracer, self.program, self.expect = tracer, program, tracer.expect

    def start(self, words, *options, environment=None):
        pattern = self.tracer.folder / "s.%n.zst"
        return subprocess.Popen([self.tracer.mtrace, "run", "--no-symbolize", *options, "-o", pattern, "--", self.program, *words],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                env={**os.environ, **(environment or {})})  # fmt: skip

    def series(self, rounds, *words, ask=True, told=lambda _: (), options=(), environment=None):
        """A program that works `rounds` times, and a snapshot after each, `told` the options; else one at its end."""
        for old in self.tracer.folder.glob("*.zst"):
            old.unlink()
        with self.start(words, *(["--no-on-exit"] if ask else []), *options, environment=environment) as run:
            child = None
            for window in range(rounds):
                run.stdin.write("\n")
                run.stdin.flush()
                assert run.stdout.readline() == "done\n"
                child = child or self.child_of(run.pid)
                if ask:
                    subprocess.run([self.tracer.mtrace, "snapshot", child, *told(window)], check=True, stdout=subprocess.DEVNULL)
            run.stdin.close()
            self.expect(run.wait() == 0, f"{words}: {run.returncode}")
        return sorted(self.tracer.folder.glob("*.zst"))

    @staticmethod
    def child_of(pid):
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]

    def document(self, *arguments):
        done = self.tracer.execute(self.tracer.mtrace, *arguments, "--format", "json")
        self.expect(done.returncode == 0, f"{arguments}: {done}")
        return json.loads(done.stdout)

    def memory(self, path):
        return self.document("info", path)["snapshot"]["memory"]

    def check_end(self):
        """At the end of a program with one thread, which asks its own allocator."""
        [path] = self.series(1, "sieve", "60000", ask=False)
        memory = self.memory(path)
        self.expect(memory["allocator"] == "glibc", memory)
        self.expect(12 * MEBI < memory["held"] < 20 * MEBI, memory)
        self.expect(12 * MEBI < memory["free"] < memory["held"], memory)
        self.expect(memory["held"] * 0.9 < memory["resident"] <= memory["resident_peak"], memory)
        self.expect(memory["anonymous"] + memory["file"] + memory["shared"] == memory["resident"], memory)
        self.expect(memory["huge_pages"] is not None and memory["swapped"] is not None, memory)
        self.expect(memory["traced"] < MEBI, memory)

    def check_requests(self):
        """Threads that wait are not asked; a thread of the tracer's reads the figures."""
        for path in self.series(2, "fragments", "2", "20000"):
            memory = self.memory(path)
            self.expect(memory["held"] is not None and memory["held"] > 5 * MEBI, memory)

    def check_allocators(self):
        for name, library in ALLOCATORS.items():
            if not (LIBRARIES / library).exists():
                print(f"{library} is not installed")
                continue
            [path] = self.series(1, "fragments", "2", "20000", ask=False, environment={"LD_PRELOAD": LIBRARIES / library})
            memory = self.memory(path)
            self.expect(memory["allocator"] == name and memory["held"] > 2 * MEBI, (name, memory))

    def check_children(self):
        """Of a child that lives for milliseconds nothing is asked: the kernel would pay for it."""
        paths = self.series(1, "child", ask=False, options=["--follow-fork"])
        self.expect(len(paths) == 2, paths)
        memories = [self.memory(path) for path in paths]
        self.expect(sorted(memory["resident"] is None for memory in memories) == [False, True], memories)

    def check_timeline(self):
        dump = self.tracer.execute(self.tracer.mtrace, "info", "--dump", self.series(2, "fragments", "2", "1000")[-1]).stdout
        points = [line for line in dump.splitlines() if line.startswith(b"memory ")]
        self.expect(len(points) >= 2 and all(b" resident=" in point for point in points), points)

    def check_fragmentation(self):
        """Traced is flat, resident is high: no leak."""
        paths = self.series(12, "fragments", "4", "30000")
        trend = self.document("trend", *paths)
        self.expect(trend["verdict"] != "growing", trend["verdict"])
        memory = self.memory(paths[-1])
        self.expect(memory["resident"] > 10 * memory["traced"], memory)
        self.expect(trend["memory"]["traced"]["verdict"] != "growing", trend["memory"])
        self.expect(trend["memory"]["resident"]["sizes"][-1] == memory["resident"], trend["memory"])
        for command in (["info"], ["top", "--verbose"]):
            words = self.tracer.execute(self.tracer.mtrace, *command, paths[-1]).stdout.decode()
            self.expect("free in glibc's arenas: fragmentation, not a leak" in words, (command, words))
            self.expect(" → held by glibc " in words and " → resident " in words, (command, words))
        self.expect("MALLOC_ARENA_MAX" in self.tracer.execute(self.tracer.mtrace, "info", paths[-1]).stdout.decode(), "advice")
        words = self.tracer.execute(self.tracer.mtrace, "trend", *paths).stdout.decode()
        self.expect("resident " in words, words)

    def check_pools(self):
        """A pool that uses its chunks again fills; one that loses a chunk in each window grows."""
        trend = self.document("trend", *self.series(20, "pool", "9", "512", "0"))
        self.expect(trend["verdict"] in ("filling", "flat"), trend["verdict"])
        later = self.document("trend", *sorted(self.tracer.folder.glob("*.zst"))[10:])
        self.expect(later["verdict"] == "flat", later["verdict"])

    def check_lost_chunks(self):
        """One for each thousand units of work, which each snapshot is told of."""

        def told(window):
            return ["--work", str(1000 * window), "--label", f"window={window}", "--label", "host=a,b"]

        paths = self.series(20, "pool", "5", "32", "1", told=told, options=["--label", "release=1.7", "--label", "host=x"])
        trend = self.document("trend", "--warm-up", "8", *paths)
        self.expect(trend["verdict"] == "growing", trend["verdict"])
        trend = self.document("trend", "--warm-up", "8", "--per", "work", *paths)
        self.expect((trend["verdict"], trend["unit"]) == ("growing", "work"), (trend["verdict"], trend["unit"]))
        self.expect(65 < trend["total"]["slope"] < 66.5, trend["total"])
        top = self.document("top", paths[-1])
        self.expect(top["snapshot"]["work"] == 19000, top["snapshot"])
        self.expect(top["snapshot"]["labels"] == {"host": "a,b", "release": "1.7", "window": "19"}, top["snapshot"])
        first = top["statistics"][0]
        self.expect(first["size_per_work"] == first["size"] / 19000, first)
        diff = self.document("diff", paths[9], paths[-1])
        first = diff["statistics"][0]
        self.expect(first["size_diff_per_work"] == first["size_diff"] / 10000, first)
        self.expect(self.tracer.execute(self.tracer.mtrace, "trend", "--per", "work", paths[0], paths[1], paths[3]).returncode == 0, "work")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tracer = Tracing(arguments.mtrace, folder)
        tests = ProcessMemory(tracer, arguments.program)
        return tracer.status(tests.check_end, tests.check_requests, tests.check_allocators, tests.check_children,
                             tests.check_timeline, tests.check_fragmentation, tests.check_pools, tests.check_lost_chunks)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
