#!/usr/bin/env python3
"""A traced program cannot tell: it prints what it prints untraced, ends as it ends, and there is a snapshot.

    tests/runtime/undisturbed.py --mtrace PATH --program PATH [SCENARIO...]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 120
ROOT_ONLY = {"gives_up_privileges", "changes_root", "hides_proc"}

# Scenario: options of `mtrace run` beside --no-symbolize -o. Each is run once with each set.
PLAIN, FOLLOWED = [], ["--follow-fork"]
OFTEN = ["--interval", "1s", "--on-signal", "URG"]
SCENARIOS = {
    "state": [PLAIN, OFTEN, ["--mmap"], ["--sample", "1KiB"]],
    "counts_its_threads": [PLAIN, OFTEN, FOLLOWED],
    "ends_while_it_looks": [PLAIN, OFTEN, FOLLOWED],
    "exit_in_handler": [PLAIN] * 4,
    "exit_now_in_handler": [PLAIN] * 4,
    "handler_once": [PLAIN],
    "abort_handled": [PLAIN],
    "assertion_handled": [PLAIN],
    "abort_raised": [PLAIN],
    "real_time_signal": [PLAIN],
    "quick": [PLAIN],
    "raw_exit": [PLAIN],
    "raw_thread_exit": [PLAIN],
    "main_thread_ends": [PLAIN],
    "thread_exits": [PLAIN],
    "executes": [PLAIN, FOLLOWED],
    "vfork_child_exits": [PLAIN, FOLLOWED],
    "forking_handler": [PLAIN, FOLLOWED],
    "freeing_handler": [PLAIN, FOLLOWED],
    "copied_by_fork": [PLAIN, FOLLOWED],
    "copied_by_clone": [PLAIN, FOLLOWED],
    "ended_while_forking": [PLAIN, FOLLOWED],
    "stopped_world": [PLAIN, OFTEN],
    "gives_up_privileges": [PLAIN],
    "changes_root": [PLAIN],
    "closes_everything": [PLAIN],
    "hides_proc": [PLAIN],
    "other_user_namespace": [PLAIN],
    "kills_for_clone": [PLAIN],
    "kills_for_openat": [PLAIN],
    "kills_for_membarrier": [PLAIN],
    "kills_for_tgkill": [PLAIN],
    "forbids_itself_while_it_looks": [PLAIN],
    "forbids_itself_for_all_threads": [PLAIN],
    "strict": [PLAIN],
}


class Tests:
    def __init__(self, mtrace, program):
        self.mtrace, self.program = mtrace, program

    def run(self, command, folder):
        done = subprocess.run(["timeout", "-s", "KILL", str(SECONDS), *command], cwd=folder, capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def dump(self, path):
        return subprocess.check_output([self.mtrace, "info", "--dump", str(path)], text=True)

    def check_snapshots(self, folder, scenario, options):
        snapshots = sorted(folder.glob("*.zst"))
        assert snapshots, "there is no snapshot"
        leftovers = [path.name for path in folder.iterdir() if path.suffix == ".tmp"]
        assert not leftovers, leftovers
        for path in snapshots:
            text = self.dump(path)
            assert re.search(r'^program "/', text, re.M) and re.search(r'^host "', text, re.M), f"{path}: {text[:500]}"
            named = re.fullmatch(r"s\.(\d+)(\.\d+)?", path.stem)
            pid = re.search(r"^pid (\d+)$", text, re.M)[1]
            assert named and named[1] == pid, f"{path.name} is of process {pid}"
        if scenario.startswith("copied"):
            assert len({path.stem.split(".")[1] for path in snapshots}) == (2 if options == FOLLOWED else 1), snapshots
        if scenario == "gives_up_privileges":
            status = snapshots[0].stat()
            assert (status.st_uid, status.st_mode & 0o777) == (65534, 0o600), status

    def check(self, scenario, options):
        with tempfile.TemporaryDirectory(prefix="mtrace-undisturbed-") as name:
            folder = Path(name)
            folder.chmod(0o777)
            untraced = self.run([self.program, scenario], folder)
            for made in folder.iterdir():
                made.rmdir()
            run = [self.mtrace, "run", "--no-symbolize", *options, "-o", "s.%p.zst", "--", self.program, scenario]
            traced = self.run(run, folder)
            without_ours = b"".join(line for line in traced[2].splitlines(True) if not line.startswith(b"mtrace: "))
            # timeout ends as its program does, mtrace run with 128 and the signal's number.
            status = untraced[0] if untraced[0] >= 0 else 128 - untraced[0]
            assert (traced[0], traced[1], without_ours) == (status, *untraced[1:]), f"{traced}\nuntraced: {untraced}"
            self.check_snapshots(folder, scenario, options)

    def run_all(self, wanted):
        count = 0
        for scenario, sets in SCENARIOS.items():
            if (wanted and scenario not in wanted) or (scenario in ROOT_ONLY and os.geteuid() != 0):
                continue
            for options in sets:
                try:
                    self.check(scenario, options)
                except AssertionError as error:
                    raise AssertionError(f"{scenario} {' '.join(options)}: {error}") from None
                count += 1
            print(scenario, flush=True)
        print(f"{count} tests passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("scenarios", nargs="*")
    arguments = parser.parse_args()
    Tests(arguments.mtrace, arguments.program).run_all(arguments.scenarios)


if __name__ == "__main__":
    sys.exit(main())
