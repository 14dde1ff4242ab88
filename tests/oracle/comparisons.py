"""Compares what mtrace prints for a pair of snapshots with what tracemalloc computes."""

import csv
import io

import expectations
from expectations import DIFF_ORDERS, TOP_ORDERS, frames_of, is_filter_warning, numbers_of, ranked, text_of

TOP_NUMBERS = ("size", "count")
DIFF_NUMBERS = ("size", "count", "size_diff", "count_diff")


class Difference(Exception):
    """What was expected and what came instead, for a person to read."""


def require_equal(what, actual, expected):
    if actual != expected:
        raise Difference(f"{what}\n    expected {shortened(expected)}\n    actual   {shortened(actual)}")


def first_difference(what, actual, expected):
    """As require_equal, for long sequences."""
    for index, (a, e) in enumerate(zip(actual, expected)):
        require_equal(f"{what}, item {index}", a, e)
    require_equal(f"{what}: how many", len(actual), len(expected))


def shortened(value):
    text = repr(value)
    return text if len(text) < 1500 else f"{text[:1500]}… ({len(text)} characters)"


class Comparison:
    """One input of a command, `top` of one snapshot or `diff` of two, and its selection."""

    def __init__(self, mtrace, documents, command, paths, snapshots, selection):
        self.mtrace, self.documents = mtrace, documents
        self.command, self.paths, self.selection = command, paths, selection
        self.selected = [selection.select(snapshot) for snapshot in snapshots]
        if command == "top":
            self.statistics = selection.statistics(*snapshots)
            self.numbers, self.orders = TOP_NUMBERS, TOP_ORDERS
        else:
            self.statistics = selection.differences(*snapshots)
            self.numbers, self.orders = DIFF_NUMBERS, DIFF_ORDERS

    def run(self, *options, stdin=None):
        outcome = self.mtrace.run(self.command, *self.selection.arguments(), *options, *self.paths, stdin=stdin)
        if outcome.status != 0 or not self.expects_on_stderr(outcome.stderr):
            raise Difference(str(outcome))
        return outcome.stdout

    def expects_on_stderr(self, stderr):
        """A warning where the limits differ; any number that tell of filters, which tracemalloc knows nothing of."""
        limits = {snapshot.traceback_limit for snapshot in self.selected}
        others = [line for line in stderr.splitlines() if not is_filter_warning(line)]
        if self.command == "diff" and len(limits) > 1:
            return len(others) == 1 and others[0].startswith(b"mtrace: warning: ")
        return not others

    def document(self, *options):
        sampled = sum(len(s.traceback) for s in self.statistics) > 200
        return self.documents.parse(self.run("--format=json", *options), sampled)

    def total(self):
        totals = [expectations.total(snapshot) for snapshot in self.selected]
        size, count = totals[-1]
        if self.command == "top":
            return {"size": size, "count": count}
        return {"size": size, "count": count, "size_diff": size - totals[0][0], "count_diff": count - totals[0][1]}

    # Each of the following is one case.

    def text(self):
        first_difference(
            "text",
            self.run("--format=text", "-n0").split(b"\n"),
            text_of(self.statistics).split(b"\n"),
        )

    def json(self):
        document = self.document()
        require_equal("total", document["total"], self.total())
        require_equal("groups", document["groups"], len(self.statistics))
        self.require_statistics(document, self.statistics)
        self.require_nothing_left(document)

    def require_nothing_left(self, document):
        unknown = None if self.selection.cumulative else 0
        require_equal("rest", document["rest"], {"groups": 0} | dict.fromkeys(self.numbers, unknown))

    def require_statistics(self, document, expected):
        actual = document["statistics"]
        first_difference("ranks", [s["rank"] for s in actual], range(1, len(expected) + 1))
        first_difference("numbers", [tuple(s[key] for key in self.numbers) for s in actual],
                         [numbers_of(s) for s in expected])  # fmt: skip
        first_difference("tracebacks", [[(f["filename"], f["lineno"]) for f in s["traceback"]] for s in actual],
                         [in_json(frames_of(s)) for s in expected])  # fmt: skip
        for one, statistic in zip(actual, expected):
            require_average(one["average"], statistic)

    def csv(self):
        text = self.run("--format=csv").decode("utf-8", "surrogatepass")
        if not text.endswith("\r\n"):
            raise Difference(f"the CSV does not end in CR LF: {text[-20:]!r}")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        first_difference("numbers", [tuple(int(row[key]) for key in self.numbers) for row in rows],
                         [numbers_of(s) for s in self.statistics])  # fmt: skip
        first_difference("places", [self.place_in(row) for row in rows], [self.place_of(s) for s in self.statistics])
        for rank, (row, statistic) in enumerate(zip(rows, self.statistics), start=1):
            require_equal("rank", row["rank"], str(rank))
            require_average(float(row["average"]), statistic)

    def place_in(self, row):
        if self.selection.group_by == "traceback":
            return row["traceback"]
        return row["filename"], int(row["lineno"]), row["function"], row["module"]

    def place_of(self, statistic):
        if self.selection.group_by == "traceback":
            return ";".join(map(str, statistic.traceback))
        return *frames_of(statistic)[0], "", ""

    def sort(self, key, reverse):
        document = self.document(f"--sort={key}", *(["--reverse"] if reverse else []))
        self.require_statistics(document, ranked(self.statistics, self.orders, key, reverse))

    def limit(self, limit):
        document = self.document(f"--limit={limit}")
        self.require_shown(document, self.statistics[:limit])

    def min_size(self, size):
        main = "size" if self.command == "top" else "size_diff"
        document = self.document(f"--min-size={size}")
        self.require_shown(document, [s for s in self.statistics if abs(getattr(s, main)) >= size])

    def require_shown(self, document, shown):
        """Rows and the rest add up to the total."""
        self.require_statistics(document, shown)
        require_equal("groups", document["groups"], len(self.statistics))
        rest = document["rest"]
        require_equal("groups in the rest", rest["groups"], len(self.statistics) - len(shown))
        if self.selection.cumulative:
            return
        for key in self.numbers:
            sums = sum(s[key] for s in document["statistics"]) + rest[key]
            require_equal(f"{key} of rows and rest", sums, self.total()[key])

    def stdin(self):
        """The last snapshot comes through standard input."""
        with open(self.paths[-1], "rb") as file:
            data = file.read()
        piped = Comparison.__new__(Comparison)
        piped.__dict__ = self.__dict__ | {"paths": [*self.paths[:-1], "-"]}
        actual = piped.run("--format=text", "-n0", stdin=data)
        first_difference("text from standard input", actual.split(b"\n"), text_of(self.statistics).split(b"\n"))


def in_json(frames):
    """JSON cannot tell two surrogates that make a pair from the character that the pair stands for."""
    return [(name.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"), line) for name, line in frames]


def require_average(actual, statistic):
    expected = expectations.average(statistic)
    if actual != expected:
        raise Difference(f"average: expected {expected}, actual {actual} of {statistic!r}")
