#!/usr/bin/env python3
"""Programs whose memory is limited, traced: they get what they get untraced, and the tracer ends in words.

    tests/runtime/limits.py --mtrace PATH --program PATH --plugin PATH
"""

import argparse
import resource
import sys
import tempfile

from tracing import Tracing

MEBI, GIBI = 1 << 20, 1 << 30
# What the library, a thread's caches and a snapshot take at most, whatever the program does: in MiB.
FIXED = 16


class Limits:
    def __init__(self, tracer, program, plugin):
        self.tracer, self.program, self.plugin = tracer, program, plugin

    def both(self, arguments, *options, limits=()):
        """What the program says untraced, and the outcome traced, under limits of its own."""

        def limit():
            for kind, value in limits:
                resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))

        command = [self.program, *arguments]
        untraced = self.tracer.execute(*command, preexec_fn=limit)
        traced = self.tracer.run(command, "--no-symbolize", *options, preexec_fn=limit)
        # Where not even the last snapshot could be written, the command says that it has failed.
        failed = 2 if untraced.returncode == 0 and b"zst: Cannot allocate memory" in traced.stderr else untraced.returncode
        self.tracer.expect(traced.returncode == failed, f"{arguments}: {traced}, untraced {untraced}")
        return untraced, traced

    def same(self, arguments, *options, limits=()):
        untraced, traced = self.both(arguments, *options, limits=limits)
        self.tracer.expect((traced.stdout, traced.stderr) == (untraced.stdout, b""),
                           f"{arguments} {limits}: {traced}, untraced {untraced}")

    def check_address_space(self):
        untraced, traced = self.both(["space"])
        more = (int(traced.stdout) - int(untraced.stdout)) // 1024
        self.tracer.expect(more < FIXED, f"{more} MiB of address space more")

    def check_programs_that_fit(self):
        """A limit that leaves room: the whole program is traced."""
        for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            for limit, block, most in ((GIBI, MEBI, 500), (GIBI, 200, 20), (100 * MEBI, 1000, 5)):
                self.same(["fill", str(block), str(most)], limits=[(kind, limit)])
                report = self.tracer.top()
                self.tracer.expect(report["total"]["size"] >= most * MEBI, f"{kind} {limit}: {report['total']}")

    def check_programs_that_do_not(self):
        """The tracer is in the way: it goes, and says so; what it had counted is still written."""
        for kind, name, blocks in ((resource.RLIMIT_AS, b"RLIMIT_AS", (200, 1008, 5000)),
                                   (resource.RLIMIT_DATA, b"RLIMIT_DATA", (200,))):
            for block in blocks:
                untraced, traced = self.both(["fill", str(block), "10000"], limits=[(kind, 100 * MEBI)])
                served, wanted = int(traced.stdout), int(untraced.stdout)
                self.tracer.expect(served >= wanted - FIXED, f"{name} {block}: {served} MiB, untraced {wanted}")
                self.tracer.expect(b"traced no more: " + name + b" leaves no room" in traced.stderr, f"{block}: {traced}")
                # Where there was nearly nothing to give back there is no room for a snapshot either.
                size = self.tracer.top()["total"]["size"] if block < 5000 else 100 * MEBI
                self.tracer.expect(size > 20 * MEBI, f"{name} {block}: {size} bytes in the last snapshot: {traced.stderr}")

    def check_large_blocks(self):
        """Of them the tracer keeps next to nothing, and has nothing to give back."""
        untraced, traced = self.both(["fill", str(MEBI), "10000"], limits=[(resource.RLIMIT_AS, 120 * MEBI)])
        served, wanted = int(traced.stdout), int(untraced.stdout)
        self.tracer.expect(served >= wanted - FIXED, f"{served} MiB, untraced {wanted}")

    def check_sampled_programs(self):
        for block in (200, 5000):
            untraced, traced = self.both(["fill", str(block), "10000"], "--sample", "64KiB",
                                         limits=[(resource.RLIMIT_AS, 120 * MEBI)])
            served, wanted = int(traced.stdout), int(untraced.stdout)
            self.tracer.expect(served >= wanted - FIXED, f"sampled, {block}: {served} MiB, untraced {wanted}")

    def check_threads(self):
        for limit in (256 * MEBI, GIBI):
            untraced, traced = self.both(["threads", "500"], limits=[(resource.RLIMIT_AS, limit)])
            made, wanted = int(traced.stdout), int(untraced.stdout)
            self.tracer.expect(made >= wanted - 2, f"{limit}: {made} threads, untraced {wanted}")

    def check_command(self):
        """`mtrace run` itself under a limit runs the program, or says what it had no memory for."""
        for limit in (4_000_000_000, 400_000_000, 100_000_000, 30_000_000, 20_000_000):
            done = self.tracer.run(["true"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            self.tracer.expect(done.returncode == 0 or b"memory" in done.stderr, f"{limit}: {done}")

    def check_locked_memory(self):
        self.same(["lock", "1"])
        self.same(["lock", "3"])

    def check_reloaded_library(self):
        _, traced = self.both(["reload", self.plugin, "600"], "--nframe", "64")
        grown, said = map(int, traced.stdout.split())
        self.tracer.expect(grown < 256 and said < 256, f"600 times loaded and unloaded: {grown} KiB more, the tracer says {said}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--plugin", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mtrace-limits-") as folder:
        tracer = Tracing(arguments.mtrace, folder)
        limits = Limits(tracer, arguments.program, arguments.plugin)
        return tracer.status(limits.check_address_space, limits.check_programs_that_fit, limits.check_programs_that_do_not,
                             limits.check_large_blocks, limits.check_sampled_programs, limits.check_threads, limits.check_command,
                             limits.check_locked_memory, limits.check_reloaded_library)


if __name__ == "__main__":
    sys.exit(main())
