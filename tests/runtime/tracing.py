"""Programs under `mtrace run`, what its snapshots say, and what was not as expected."""

import json
import subprocess
import time
from pathlib import Path


class Tracing:
    def __init__(self, mtrace, folder, seconds=60):
        self.mtrace, self.folder, self.seconds = mtrace, Path(folder), seconds
        self.snapshot = self.folder / "x.zst"
        self.problems = []

    def execute(self, *command, **options):
        return subprocess.run(command, capture_output=True, timeout=self.seconds, stdin=subprocess.DEVNULL, check=False, **options)

    def run(self, command, *options, output=None, **more):
        """The command with the tracer's `options`; the snapshot goes to `output`."""
        return self.execute(self.mtrace, "run", *options, "-o", output or self.snapshot, "--", *command, **more)

    def top(self, *options, path=None):
        done = self.execute(self.mtrace, "top", path or self.snapshot, "--format", "json", *options)
        done.check_returncode()
        return json.loads(done.stdout)

    def expect(self, condition, what):
        if not condition:
            self.problems.append(what)

    def status(self, *checks):
        """Runs them and shows what is wrong: the exit status of the test."""
        for check in checks:
            begin = time.monotonic()
            check()
            print(f"{check.__name__}: {time.monotonic() - begin:.1f} s")
        for problem in self.problems:
            print(problem)
        print(f"{len(self.problems)} problems")
        return 1 if self.problems else 0
