#!/usr/bin/python3
"""Compares mtrace with Python's tracemalloc, thousands of times.

Each seed makes a pair of random snapshots, stores them in random forms and asks both programs the same
random questions; real snapshots of this process are asked too. The same seed asks the same questions.
To look into a difference:  run_oracle.py --mtrace PATH --seed N --keep FOLDER
"""

import argparse
import contextlib
import multiprocessing
import os
import random
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
warnings.simplefilter("ignore", FutureWarning)  # re warns of globs such as [[a]

import conversions  # noqa: E402
import dump_files  # noqa: E402
from comparisons import Comparison, Difference  # noqa: E402
from expectations import CUMULATIVE_KEYS, GROUP_KEYS, Selection  # noqa: E402
from json_documents import Documents  # noqa: E402
from mtrace_command import Mtrace  # noqa: E402
from random_selections import random_selection  # noqa: E402
from random_snapshots import random_pair  # noqa: E402
from real_snapshots import real_pair  # noqa: E402

SHOWN_DIFFERENCES = 10


class Run:
    """One pair of snapshots: its files, and what was found."""

    def __init__(self, arguments, documents, label, seed, snapshots, folder):
        self.mtrace, self.documents = Mtrace(arguments.mtrace, arguments.fork_server), documents
        self.label, self.snapshots, self.folder = label, snapshots, folder
        self.rng = random.Random(seed ^ 0x5EED)
        self.cases, self.differences = 0, []
        self.forms, self.paths = [], []
        for name, snapshot in zip(("before", "after"), snapshots):
            form, data = dump_files.random_form(self.rng, snapshot)
            self.forms.append(form)
            self.paths.append(conversions.write_dump(os.path.join(folder, name), snapshot, data))

    def case(self, name, question, *arguments):
        """Asks one question and writes down whether the answers differ."""
        self.cases += 1
        try:
            question(*arguments)
        except Exception as error:
            what = str(error) if isinstance(error, Difference) else traceback.format_exc()
            self.differences.append(f"{self.label}, {', '.join(self.forms)}\n  {name}\n  {what}")

    def ask(self, command, selection, files=None):
        """Every output of one selection."""
        files = files or self.paths
        chosen = (files, self.snapshots) if command == "diff" else (files[1:], self.snapshots[1:])
        comparison = Comparison(self.mtrace, self.documents, command, *chosen, selection)
        name = f"{command} {selection}"
        self.case(name, comparison.text)
        self.case(name, comparison.json)
        return name, comparison

    def ask_more(self, command, selection):
        name, comparison = self.ask(command, selection)
        rng, sizes = self.rng, [abs(numbers[0]) for numbers in self.sizes(comparison)]
        limit = rng.choice((1, 3, len(comparison.statistics) or 1))
        self.case(f"{name} limit {limit}", comparison.limit, limit)
        size = rng.choice([*sizes, 1, 1024]) + rng.choice((-1, 0, 1))
        size = min(max(0, size), 2**63 - 1)
        self.case(f"{name} minimal size {size}", comparison.min_size, size)
        sort, reverse = rng.choice(list(comparison.orders)), rng.random() < 0.4
        self.case(f"{name} sorted by {sort}, reverse {reverse}", comparison.sort, sort, reverse)
        if not any("\0" in str(s.traceback) for s in comparison.statistics):
            self.case(f"{name} as CSV", comparison.csv)
        if rng.random() < 0.3:
            self.case(f"{name} from standard input", comparison.stdin)

    @staticmethod
    def sizes(comparison):
        main = "size" if comparison.command == "top" else "size_diff"
        return [(getattr(statistic, main),) for statistic in comparison.statistics]

    def ask_all_keys(self):
        for group_by in GROUP_KEYS:
            for cumulative in (False, True) if group_by in CUMULATIVE_KEYS else (False,):
                for command in ("top", "diff"):
                    self.ask(command, Selection(group_by, cumulative))

    def ask_random(self, selections):
        for _ in range(selections):
            self.ask_more(self.rng.choice(("top", "top", "diff")), random_selection(self.rng, *self.snapshots))

    def check_conversions(self):
        after, path = self.snapshots[1], self.paths[1]
        converted = [
            conversions.convert(self.mtrace, source, f"{source}.zst") for source in self.paths
        ]
        common = (self.mtrace, self.documents)
        for _ in range(2):
            selection = random_selection(self.rng, *self.snapshots)
            for command, first in (("top", 1), ("diff", 0)):
                self.case(f"{command} {selection}: pickle and .zst", conversions.same_answers, *common, command,
                          self.paths[first:], converted[first:], selection)  # fmt: skip
        self.ask("diff", random_selection(self.rng, *self.snapshots), [self.paths[0], converted[1]])
        self.case("convert twice", conversions.stable, self.mtrace, converted[1], self.folder)
        self.case("zstd -t", conversions.zstd_reads_it, converted[1])
        self.case("info of a dump", conversions.information, *common, after, path, False)
        if "3 fields" not in self.forms[1]:
            self.case("info", conversions.information, *common, after, converted[1], True)
            self.case("convert shuffled", conversions.order_does_not_matter, self.mtrace, after, self.rng,
                      converted[1], self.folder)  # fmt: skip
        self.case("domains", conversions.domains, *common, after, path)
        self.case("functions", conversions.functions, *common, after, path)
        self.case("modules", conversions.modules, *common, after, path)
        sources = [self.paths[0], converted[1]]
        self.case("merge", conversions.merged, *common, self.snapshots, sources, self.folder)


def run_one(task):
    """In a process of its own: `task` is a seed, or for a real pair the frames to keep."""
    arguments, kind, number = task
    documents = Documents()
    with contextlib.ExitStack() as stack:
        folder = arguments.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="mtrace-oracle-"))
        if kind == "real":
            name, snapshots = "real", real_pair(number)
        else:
            name, *snapshots = random_pair(number)
        label = f"{kind} {number} ({name})"
        run = Run(arguments, documents, label, number, snapshots, folder)
        run.case("all", ask_everything, run, kind, arguments.selections)
    return run.cases, run.differences, documents.validated


def ask_everything(run, kind, selections):
    run.ask_all_keys()
    run.ask_random(selections)
    if kind == "random":
        run.check_conversions()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mtrace", required=True, help="the command to test")
    parser.add_argument("--fork-server", metavar="LIBRARY", help="load the command once, not for each run")
    parser.add_argument("--seeds", type=int, default=100, help="how many random pairs")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first seed")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--selections", type=int, default=5, help="random selections a pair")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--no-real", action="store_true", help="leave out the real snapshots")
    parser.add_argument("--keep", metavar="FOLDER", help="with --seed: write the snapshots there")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.seed is not None:
        tasks = [(arguments, "random", arguments.seed)]
        if arguments.keep:
            os.makedirs(arguments.keep, exist_ok=True)
    else:
        arguments.keep = None
        real = () if arguments.no_real else (1, 5, 25)
        tasks = [(arguments, "real", nframe) for nframe in real]
        tasks += [(arguments, "random", seed) for seed in range(arguments.first, arguments.first + arguments.seeds)]
    cases, differences, validated = 0, [], 0
    with multiprocessing.Pool(arguments.jobs) as pool:
        for some_cases, some_differences, some_validated in pool.imap_unordered(run_one, tasks):
            cases += some_cases
            validated += some_validated
            differences += some_differences
    for difference in differences[:SHOWN_DIFFERENCES]:
        print(difference, end="\n\n")
    print(f"{cases} cases, {len(differences)} differences, {validated} JSON documents valid")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
